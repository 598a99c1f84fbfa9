#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"

namespace attune {
namespace {

// The small model run backwards: rectified where a rectifier stands, whatever came up through it.
at::Tensor decoded(const test::Module& m, int64_t target, int64_t rows) {
  const auto weight = [&](const char* layer) { return m.attr(layer).toModule().attr("w0").toTensor().detach(); };
  const at::Tensor fc = m.attr("fc").toTensor().detach();
  at::Tensor signal = (fc[target].view({1, -1, 1, 1}) / 36).expand({rows, -1, 6, 6}).relu();
  signal = at::conv_transpose2d(signal, weight("conv2"), {}, 1, 1).relu();
  return at::conv_transpose2d(signal, weight("conv1"), {}, 2, 1, 1);
}

TEST(Deconvnet, RectifiesTheSignalOnItsWayDown) {
  const auto module = test::small_model();
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 12, 12}, 131);
  const at::Tensor expected = decoded(module, 3, 2);
  const at::Tensor map = test::map_of(model, x, "deconvnet", {}, 3);
  EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12));
  EXPECT_FALSE(at::allclose(map, test::map_of(model, x, "guided_backprop", {}, 3)));
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "deconvnet", {{"channels", "max_abs"}}, 3),
                           expected.abs().amax(1, true), 1e-9, 1e-12));
}

// Pooling keeps where its maximum was.
TEST(Deconvnet, FollowsTheSwitchesOfPooling) {
  TorchScriptModel model(test::module("Pooled",
                                      "def forward(self, x):\n"
                                      "    y = torch.max_pool2d(torch.relu(x * 3.0), [2, 2], [2, 2])\n"
                                      "    return torch.matmul(torch.sum(y, [2, 3]), torch.t(self.w0))\n",
                                      {at::tensor({2.0, -2.0}, at::kDouble).view({2, 1})}));
  const at::Tensor x = at::tensor({-1.0, 4.0, 2.0, -3.0}, at::kDouble).view({1, 1, 2, 2});
  const at::Tensor expected = at::tensor({0.0, 6.0, 0.0, 0.0}, at::kDouble).view({1, 1, 2, 2});
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "deconvnet", {}, 0), expected));
  EXPECT_TRUE(at::equal(test::map_of(model, x, "deconvnet", {}, 1), at::zeros_like(expected)));
}

TEST(Deconvnet, IsRefusedWithoutARectifier) {
  TorchScriptModel model(test::module(
      "Linear", "def forward(self, x):\n    return torch.matmul(torch.mean(x, [2, 3]), torch.t(self.w0))\n",
      {test::seeded({2, 3}, 132)}));
  EXPECT_EQ(test::message_of(Fault::input,
                             [&] {
                               test::map_of(model, test::seeded({1, 3, 4, 4}, 133), "deconvnet", {}, 0);
                             }),
            "the method of map 'deconvnet': the model has no activation function (ReLU or a relative), so that a rule "
            "for rectifiers would leave the plain gradient; use saliency");
}

TEST(Deconvnet, BatchEqualsSamples) { test::expect_batch_equals_samples("deconvnet"); }

// Without pooling no input has a part in it.
TEST(Deconvnet, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    test::expect_gradients_are_finite_differences(test::model_of_rank(rank, "torch.relu(x)"),
                                                  test::input_of_rank(rank, 2, 134), "deconvnet",
                                                  {{"channels", "norm"}}, /*unused=*/1);
  }
}

}  // namespace
}  // namespace attune
