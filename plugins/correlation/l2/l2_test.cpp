#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor mean_square(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double sum = 0;
    for (int64_t i = 0; i < x.size(1); ++i) sum += std::pow(p[n][i] - q[n][i], 2);
    result[n] = -sum / double(x.size(1));
  }
  return result;
}

TEST(L2, IsMinusTheMeanSquare) { test::expect_values("l2", {}, mean_square); }

TEST(L2, OfEqualMapsIsZero) {
  for (const auto& [a, b] : test::map_pairs()) {
    EXPECT_EQ(test::correlate("l2", {}, a, a).abs().max().item<double>(), 0);
    EXPECT_LT(test::correlate("l2", {}, a, b).max().item<double>(), 0);
  }
}

TEST(L2, BatchRangeAndDerivatives) { test::expect_properties("l2", {}); }

TEST(L2, NearlyConstantMaps) { test::expect_constant_rows_are_finite("l2", {}); }

}  // namespace
}  // namespace attune
