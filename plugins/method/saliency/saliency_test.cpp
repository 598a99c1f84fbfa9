#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

TEST(Saliency, IsTheAbsoluteGradient) {
  const auto module = test::small_model();
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 12, 12}, 6).requires_grad_();
  const at::Tensor score = model.module_output(x, true).select(1, 3).sum();
  const at::Tensor expected = torch::autograd::grad({score}, {x})[0].abs();
  EXPECT_TRUE(at::allclose(test::map_of(model, x.detach(), "saliency", {}, 3), expected, 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(test::map_of(model, x.detach(), "saliency", {{"channels", "max_abs"}}, 3),
                           expected.amax(1, true), 1e-9, 1e-12));
}

TEST(Saliency, BatchEqualsSamples) { test::expect_batch_equals_samples("saliency"); }

TEST(Saliency, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("saliency", {{"channels", "abs_sum"}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
