#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

using test::Given;

at::Tensor shared_part(const at::Tensor& a, const at::Tensor& b, double threshold, double sharpness) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double peak = 0, shared = 0, total = 0;
    for (int64_t i = 0; i < x.size(1); ++i) peak = std::max(peak, p[n][i]);
    for (int64_t i = 0; i < x.size(1); ++i) {
      const double first = std::max(p[n][i], 0.0), second = std::max(q[n][i], 0.0);
      shared += std::min(first, second) / (1 + std::exp(-sharpness * (first / peak - threshold)));
      total += first + second;
    }
    result[n] = 2 * shared / total;
  }
  return result;
}

TEST(Overlap, IsWhatTheMapsShare) {
  const Given soft{{"threshold", 0.1}, {"sharpness", 3.0}};
  test::expect_values("overlap", {}, [](const auto& a, const auto& b) { return shared_part(a, b, 0.25, 100); });
  test::expect_values("overlap", soft, [](const auto& a, const auto& b) { return shared_part(a, b, 0.1, 3); });
}

TEST(Overlap, OfMapsThatShareAllAndNothing) {
  const at::Tensor a = at::tensor({0.0, 3.0, 3.0, -2.0}, at::kDouble).view({1, 1, 4});
  const at::Tensor b = at::tensor({4.0, 0.0, -1.0, 7.0}, at::kDouble).view({1, 1, 4});
  EXPECT_NEAR(test::correlate("overlap", {}, a, a).item<double>(), 1, 1e-9);
  EXPECT_NEAR(test::correlate("overlap", {}, a, b).item<double>(), 0, 1e-9);
}

TEST(Overlap, BatchRangeAndDerivatives) {
  test::expect_properties("overlap", {{"sharpness", 4.0}, {"threshold", 0.3}});
}

TEST(Overlap, TinyAndHugeMaps) {
  const Given soft{{"sharpness", 4.0}};
  for (const test::MapPair& pair : test::map_pairs()) {
    const test::Tensors moderate = test::at_scale("overlap", soft, pair, 1);
    for (const double scale : {1e-20, 1e25}) {
      const test::Tensors scaled = test::at_scale("overlap", soft, pair, scale);
      for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::allclose(scaled[i], moderate[i], 1e-3, 1e-5)) << scale << i;
    }
  }
}

TEST(Overlap, OfNegativeMapsIsZeroWithoutGradient) {
  const at::Tensor a = (-test::seeded({2, 1, 3, 4}, 1).abs()).to(at::kFloat).requires_grad_();
  const at::Tensor h = test::correlate("overlap", {}, a, a.detach() * 2);
  EXPECT_TRUE(at::equal(h, at::zeros({2}))) << h;
  EXPECT_EQ(torch::autograd::grad({h.sum()}, {a})[0].abs().max().item<double>(), 0);
}

TEST(Overlap, NearlyConstantMaps) { test::expect_constant_rows_are_finite("overlap", {}); }

}  // namespace
}  // namespace attune
