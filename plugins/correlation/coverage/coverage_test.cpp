#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

using test::Given;

at::Tensor by_definition(const at::Tensor& a, const at::Tensor& b, double threshold, double sharpness) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double peak = 0, inside = 0, total = 0;
    for (int64_t i = 0; i < x.size(1); ++i) peak = std::max(peak, q[n][i]);
    for (int64_t i = 0; i < x.size(1); ++i) {
      const double mass = std::max(p[n][i], 0.0);
      total += mass;
      inside += mass / (1 + std::exp(-sharpness * (q[n][i] / peak - threshold)));
    }
    result[n] = inside / total;
  }
  return result;
}

TEST(Coverage, IsTheShareOfMassInsideTheMask) {
  const Given soft{{"threshold", 0.2}, {"sharpness", 3.0}};
  test::expect_values("coverage", {}, [](const auto& a, const auto& b) { return by_definition(a, b, 0.55, 100); });
  test::expect_values("coverage", soft, [](const auto& a, const auto& b) { return by_definition(a, b, 0.2, 3); });
}

TEST(Coverage, OfPeaksInsideAndOutside) {
  const at::Tensor a = at::tensor({0.0, 3.0, 1.0, -2.0}, at::kDouble).view({1, 1, 4});
  const at::Tensor b = at::tensor({0.1, 5.0, 0.2, -9.0}, at::kDouble).view({1, 1, 4});
  EXPECT_NEAR(test::correlate("coverage", {}, a, b).item<double>(), 0.75, 1e-9);
  EXPECT_NEAR(test::correlate("coverage", {}, b, b).item<double>(), 5 / 5.3, 1e-9);
}

TEST(Coverage, BatchRangeAndDerivatives) {
  test::expect_properties("coverage", {{"sharpness", 4.0}, {"threshold", 0.3}});
}

TEST(Coverage, TinyAndHugeMaps) {
  const Given soft{{"sharpness", 4.0}};
  for (const test::MapPair& pair : test::map_pairs()) {
    const test::Tensors moderate = test::at_scale("coverage", soft, pair, 1);
    for (const double scale : {1e-20, 1e25}) {
      const test::Tensors scaled = test::at_scale("coverage", soft, pair, scale);
      for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::allclose(scaled[i], moderate[i], 1e-3, 1e-5)) << scale << i;
    }
  }
}

// Row 1 has no positive mass, row 2 no positive maximum, row 3 a maximum that is nothing beside its minimum; row 4 has
// neither mass nor maximum.
TEST(Coverage, RowsWithoutMassOrMaximum) {
  at::Tensor a = test::seeded({5, 1, 3, 4}, 1).to(at::kFloat), b = test::seeded({5, 1, 3, 4}, 2).to(at::kFloat);
  a[0] = b[0].abs();
  a[1] = -a[1].abs();
  b[2] = -1e30 * b[2].abs();
  b[3] = at::where(b[3] > 0, 1e-25 * b[3], 1e25 * b[3]);
  a[4].zero_();
  b[4].zero_();
  for (const double sharpness : {0.001, 100.0, 1e4}) {
    const at::Tensor x = a.clone().requires_grad_(), y = b.clone().requires_grad_();
    const at::Tensor h = test::correlate("coverage", {{"sharpness", sharpness}}, x, y);
    EXPECT_GT(h[0].item<double>(), 0);
    EXPECT_TRUE(at::equal(h.slice(0, 1), at::zeros({4}))) << h;
    for (const at::Tensor& gradient : torch::autograd::grad({h.sum()}, {x, y})) {
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << sharpness;
      EXPECT_EQ(gradient.slice(0, 1).abs().max().item<double>(), 0) << sharpness;
    }
  }
}

TEST(Coverage, NearlyConstantMaps) { test::expect_constant_rows_are_finite("coverage", {}); }

}  // namespace
}  // namespace attune
