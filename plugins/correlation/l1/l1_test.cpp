#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor mean_distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double sum = 0;
    for (int64_t i = 0; i < x.size(1); ++i) sum += std::abs(p[n][i] - q[n][i]);
    result[n] = -sum / double(x.size(1));
  }
  return result;
}

TEST(L1, IsMinusTheMeanDistance) { test::expect_values("l1", {}, mean_distance); }

TEST(L1, OfEqualMapsIsZero) {
  for (const auto& [a, b] : test::map_pairs()) {
    EXPECT_EQ(test::correlate("l1", {}, a, a).abs().max().item<double>(), 0);
    EXPECT_LT(test::correlate("l1", {}, a, b).max().item<double>(), 0);
  }
}

TEST(L1, BatchRangeAndDerivatives) { test::expect_properties("l1", {}); }

TEST(L1, NearlyConstantMaps) { test::expect_constant_rows_are_finite("l1", {}); }

}  // namespace
}  // namespace attune
