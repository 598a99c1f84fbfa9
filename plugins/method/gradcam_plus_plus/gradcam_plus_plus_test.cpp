#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

// The form that the paper has, with powers of the gradient.
TEST(GradCamPlusPlus, WeighsPositiveGradients) {
  test::expect_cam_is("gradcam_plus_plus", {}, [](Cells a, Cells g, int64_t n, int64_t s) {
    return test::over_channels(a, [&](int64_t c) {
      const double total = std::max(0.0, test::over_cells(a, [&](int64_t t) { return a[n][c][t]; }));
      const double weight = test::over_cells(a, [&](int64_t t) {
        const double gradient = g[n][c][t], square = gradient * gradient;
        return square / (2 * square + total * square * gradient) * std::max(0.0, gradient);
      });
      return weight * a[n][c][s];
    });
  });
  test::expect_relu_keeps_the_positive_part("gradcam_plus_plus");
}

// Of one channel whose sum is -2 / g the paper's denominator is zero.
TEST(GradCamPlusPlus, ANegativeSumCountsAsZero) {
  const auto module = test::module("Mean",
                                   "def forward(self, x):\n"
                                   "    return torch.matmul(torch.mean(x * 1.0, [2, 3]), torch.t(self.w0))\n",
                                   {at::tensor({4.0, -4.0}, at::kDouble).view({2, 1})});
  test::Module whole("__torch__.Whole");
  whole.register_attribute("training", c10::BoolType::get(), false);
  whole.register_module("features", test::activation("x * 1.0"));
  whole.register_module("head", module);
  whole.define("def forward(self, x):\n    return self.head.forward(self.features.forward(x))\n");
  TorchScriptModel model(whole);
  // Four cells, each of gradient 4 / 4.
  const at::Tensor x = at::tensor({1.0, -1.0, -3.0, 1.0}, at::kDouble).view({1, 1, 2, 2});
  const at::Tensor map = test::map_of(model, x, "gradcam_plus_plus", {{"layer", std::string("features")}}, 0);
  EXPECT_TRUE(at::allclose(map, 4 * 0.5 * x)) << map;
  EXPECT_TRUE(at::equal(test::map_of(model, x, "gradcam_plus_plus", {{"layer", std::string("features")}}, 1),
                        at::zeros_like(x)));
}

TEST(GradCamPlusPlus, BatchEqualsSamples) {
  test::expect_batch_equals_samples("gradcam_plus_plus", {{"layer", std::string("conv")}});
}

TEST(GradCamPlusPlus, GradientsAreFiniteDifferences) {
  for (const std::string layer : {"conv", "act"}) {
    test::expect_gradients_are_finite_differences("gradcam_plus_plus", {{"layer", layer}}, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
