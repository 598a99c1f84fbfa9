#include <algorithm>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor share_inside(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double inside = 0, total = 0;
    for (int64_t i = 0; i < x.size(1); ++i) {
      total += std::max(p[n][i], 0.0);
      inside += std::max(p[n][i], 0.0) * std::clamp(q[n][i], 0.0, 1.0);
    }
    result[n] = inside / total;
  }
  return result;
}

TEST(EnergyInside, IsTheShareInsideOfTheMask) { test::expect_values("energy_inside", {}, share_inside); }

TEST(EnergyInside, OfABox) {
  const at::Tensor map = at::tensor({-3.0, 1.0, 2.0, 1.0}, at::kDouble).view({1, 1, 4});
  const at::Tensor box = at::tensor({1.0, 1.0, 1.0, 0.0}, at::kDouble).view({1, 1, 4});
  EXPECT_NEAR(test::correlate("energy_inside", {}, map, box).item<double>(), 0.75, 1e-12);
}

TEST(EnergyInside, BatchRangeAndDerivatives) { test::expect_properties("energy_inside", {}); }

TEST(EnergyInside, TheScaleOfTheMapDoesNotMatter) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor moderate = test::correlate("energy_inside", {}, a, b).to(at::kFloat);
    for (const double scale : {1e-20, 1e25}) {
      const at::Tensor scaled = (a * scale).to(at::kFloat);
      EXPECT_TRUE(at::allclose(test::correlate("energy_inside", {}, scaled, b.to(at::kFloat)), moderate, 1e-4, 1e-6));
    }
  }
}

TEST(EnergyInside, WithoutPositiveEnergyIsZeroWithoutGradient) {
  const at::Tensor a = -test::seeded({2, 1, 3, 4}, 1).abs().to(at::kFloat), b = test::seeded({2, 1, 3, 4}, 2).abs();
  const at::Tensor x = a.clone().requires_grad_();
  const at::Tensor h = test::correlate("energy_inside", {}, x, b.to(at::kFloat));
  EXPECT_TRUE(at::equal(h, at::zeros({2})));
  EXPECT_EQ(torch::autograd::grad({h.sum()}, {x})[0].abs().max().item<double>(), 0);
}

TEST(EnergyInside, NearlyConstantMaps) { test::expect_constant_rows_are_finite("energy_inside", {}); }

}  // namespace
}  // namespace attune
