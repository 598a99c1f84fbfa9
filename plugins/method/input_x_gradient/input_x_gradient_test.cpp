#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

TEST(InputXGradient, IsTheProduct) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 12}, 130).requires_grad_();
  const at::Tensor score = model.module_output(x, true).select(1, 3);
  const at::Tensor expected = x.detach() * torch::autograd::grad({score.sum()}, {x})[0];
  const auto map = [&](const test::Given& given) {
    return test::map_of(model, x.detach(), "input_x_gradient", given, 3);
  };
  EXPECT_TRUE(at::allclose(map({{"channels", "keep"}}), expected, 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(map({}), expected.sum(1, true), 1e-9, 1e-12));
  // The model has no biases.
  EXPECT_TRUE(at::allclose(map({}).sum({1, 2, 3}), score.detach(), 1e-9, 1e-12));
}

TEST(InputXGradient, BatchEqualsSamples) { test::expect_batch_equals_samples("input_x_gradient"); }

TEST(InputXGradient, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("input_x_gradient", {}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
