#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor coefficient(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double count = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
    for (int64_t i = 0; i < x.size(1); ++i) {
      ++count;
      sa += p[n][i], sb += q[n][i];
      saa += p[n][i] * p[n][i], sbb += q[n][i] * q[n][i], sab += p[n][i] * q[n][i];
    }
    result[n] = (count * sab - sa * sb) / std::sqrt((count * saa - sa * sa) * (count * sbb - sb * sb));
  }
  return result;
}

TEST(Pearson, IsTheCoefficientOverPositionsAndChannels) { test::expect_values("pearson", {}, coefficient); }

TEST(Pearson, OfAMapWithItselfAndItsNegative) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor one = at::ones({3}, at::kDouble);
    EXPECT_TRUE(at::allclose(test::correlate("pearson", {}, a, a), one));
    EXPECT_TRUE(at::allclose(test::correlate("pearson", {}, a, -a), -one));
    EXPECT_TRUE(at::allclose(test::correlate("pearson", {}, a, 0.01 * a - 5), one));
  }
}

TEST(Pearson, BatchRangeAndDerivatives) { test::expect_properties("pearson", {}); }

TEST(Pearson, TinyAndHugeMaps) { test::expect_scale_does_not_matter("pearson", {}); }

TEST(Pearson, NearlyConstantMaps) { test::expect_constant_rows_are_finite("pearson", {}); }

}  // namespace
}  // namespace attune
