#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor squares_outside(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double sum = 0;
    for (int64_t i = 0; i < x.size(1); ++i) sum += std::pow(p[n][i] * (1 - std::min(std::abs(q[n][i]), 1.0)), 2);
    result[n] = -sum;
  }
  return result;
}

TEST(EnergyOutside, IsMinusTheSumOfSquaresOutside) { test::expect_values("energy_outside", {}, squares_outside); }

TEST(EnergyOutside, OfABox) {
  const at::Tensor map = at::tensor({-3.0, 1.0, 2.0, 1.0}, at::kDouble).view({1, 1, 4});
  const at::Tensor box = at::tensor({0.0, 1.0, 1.0, 0.5}, at::kDouble).view({1, 1, 4});
  EXPECT_NEAR(test::correlate("energy_outside", {}, map, box).item<double>(), -9.25, 1e-12);
}

TEST(EnergyOutside, BatchRangeAndDerivatives) { test::expect_properties("energy_outside", {}); }

TEST(EnergyOutside, NearlyConstantMaps) { test::expect_constant_rows_are_finite("energy_outside", {}); }

}  // namespace
}  // namespace attune
