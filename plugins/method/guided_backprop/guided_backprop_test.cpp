#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "methods.h"

namespace attune {
namespace {

// One channel each: x -> relu(2 x) -> class scores fc [2,1] times its mean.
test::Module rectified() {
  return test::module("Rectified",
                      "def forward(self, x):\n"
                      "    return torch.matmul(torch.mean(torch.relu(x * 2.0), [2, 3]), torch.t(self.w0))\n",
                      {at::tensor({4.0, -4.0}, at::kDouble).view({2, 1})});
}

TEST(GuidedBackprop, StopsNegativeGradientsAtTheRectifier) {
  TorchScriptModel model(rectified());
  const at::Tensor x = at::tensor({1.0, -1.0, 3.0, -0.5}, at::kDouble).view({1, 1, 2, 2});
  // For class 0 each of four positions gets 4 / 4 at the rectifier, twice that at a positive input, nothing elsewhere.
  const at::Tensor expected = at::tensor({2.0, 0.0, 2.0, 0.0}, at::kDouble).view({1, 1, 2, 2});
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "guided_backprop", {}, 0), expected));
  EXPECT_TRUE(at::equal(test::map_of(model, x, "guided_backprop", {}, 1), at::zeros_like(expected)));
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "saliency", {}, 1), expected));
}

TEST(GuidedBackprop, ReducesChannels) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 12}, 3);
  const auto map = [&](const std::string& channels) {
    return test::map_of(model, x, "guided_backprop", {{"channels", channels}}, 1);
  };
  const at::Tensor kept = map("keep");
  ASSERT_EQ(kept.sizes(), x.sizes());
  EXPECT_TRUE(at::allclose(map("sum"), kept.sum(1, true)));
  EXPECT_TRUE(at::allclose(map("abs_sum"), kept.abs().sum(1, true)));
  EXPECT_TRUE(at::allclose(map("max_abs"), kept.abs().amax(1, true)));
  EXPECT_TRUE(at::allclose(map("norm"), kept.square().sum(1, true).sqrt()));
}

TEST(GuidedBackprop, IsRefusedWithoutARectifier) {
  TorchScriptModel model(test::module(
      "Linear", "def forward(self, x):\n    return torch.matmul(torch.mean(x, [2, 3]), torch.t(self.w0))\n",
      {test::seeded({2, 3}, 4)}));
  try {
    test::map_of(model, test::seeded({1, 3, 4, 4}, 5), "guided_backprop", {}, 0);
    FAIL() << "a plain gradient was passed off as a guided one";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_NE(std::string(error.what()).find("no activation function"), std::string::npos) << error.what();
  }
}

TEST(GuidedBackprop, BatchEqualsSamples) { test::expect_batch_equals_samples("guided_backprop"); }

// Softplus is ruled like a rectifier and smooth; the guided rule itself has kinks where a gradient changes its sign,
// which these seeds stay away from.
TEST(GuidedBackprop, GradientsAreFiniteDifferences) {
  for (const char* channels : {"keep", "sum", "norm"}) {
    test::expect_gradients_are_finite_differences("guided_backprop", {{"channels", channels}},
                                                  "torch.softplus(x, 1.0, 20.0)");
  }
}

}  // namespace
}  // namespace attune
