#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor divergence_of(const at::Tensor& a, const at::Tensor& b, double temperature) {
  const auto share = [&](const at::Tensor& map) {
    const at::Tensor powers = (map.flatten(1) / temperature).exp();
    return powers / powers.sum(1, true);
  };
  const at::Tensor p = share(a), q = share(b), m = (p + q) / 2;
  return -((p * (p / m).log()).sum(1) + (q * (q / m).log()).sum(1)) / 2;
}

TEST(JensenShannon, IsMinusTheDivergence) {
  for (const double temperature : {0.3, 1.0, 4.0}) {
    test::expect_values("js", {{"temperature", temperature}},
                        [&](const auto& a, const auto& b) { return divergence_of(a, b, temperature); });
  }
}

TEST(JensenShannon, OfEqualAndSeparateMaps) {
  const at::Tensor a = at::tensor({0.0, 900.0, 0.0}, at::kDouble).view({1, 1, 3});
  const at::Tensor b = at::tensor({700.0, 0.0, 0.0}, at::kDouble).view({1, 1, 3});
  EXPECT_NEAR(test::correlate("js", {}, a, a + 5).item<double>(), 0, 1e-12);
  EXPECT_NEAR(test::correlate("js", {}, a, b).item<double>(), -std::log(2), 1e-12);
}

TEST(JensenShannon, BatchRangeAndDerivatives) { test::expect_properties("js", {{"temperature", 0.5}}); }

TEST(JensenShannon, NearlyConstantMaps) { test::expect_constant_rows_are_finite("js", {}); }

}  // namespace
}  // namespace attune
