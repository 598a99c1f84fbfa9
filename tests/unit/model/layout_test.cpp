#include "model/layers/layout.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "models.h"

namespace attune {
namespace {

using Shape = std::vector<int64_t>;
using Order = Layout::Order;

TEST(LayoutTest, ReadsTheUsualShapes) {
  const Shape image{2, 3, 224, 224};
  EXPECT_EQ(find_layout({2, 512, 7, 7}, image, "auto", "l").order, Order::channels_first);
  EXPECT_EQ(find_layout({2, 7, 7, 768}, image, "auto", "l").order, Order::channels_last);
  const Layout tokens = find_layout({2, 197, 768}, image, "tokens", "l");
  EXPECT_EQ(tokens.order, Order::tokens);
  EXPECT_EQ(tokens.prefix_tokens, 1);
  EXPECT_EQ(tokens.spatial, (Shape{14, 14}));
  EXPECT_EQ(find_layout({1, 64, 8, 28, 28}, {1, 3, 16, 112, 112}, "auto", "l").spatial, (Shape{8, 28, 28}));
  EXPECT_EQ(find_layout({4, 16, 100}, {4, 1, 1000}, "auto", "l").spatial, (Shape{100}));
}

TEST(LayoutTest, TheGridOfTokensFollowsTheAspectOfTheInput) {
  EXPECT_EQ(find_layout({1, 1 + 8 * 16, 32}, {1, 3, 128, 256}, "tokens", "l").spatial, (Shape{8, 16}));
}

TEST(LayoutTest, RefusesWhatCanBeReadTwice) {
  try {
    find_layout({2, 32, 32, 32}, {2, 3, 64, 64}, "auto", "stem");
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("channels_first"), std::string::npos) << text;
    EXPECT_NE(text.find("channels_last"), std::string::npos) << text;
    EXPECT_NE(text.find("--layout"), std::string::npos) << text;
  }
  EXPECT_EQ(find_layout({2, 32, 32, 32}, {2, 3, 64, 64}, "channels_last", "stem").order, Order::channels_last);
}

TEST(LayoutTest, RefusesWhatHasNoExtent) {
  EXPECT_THROW(find_layout({2, 512, 1, 1}, {2, 3, 224, 224}, "auto", "l"), Error);
  EXPECT_THROW(find_layout({2, 1000}, {2, 3, 224, 224}, "auto", "l"), Error);
  EXPECT_THROW(find_layout({2, 34, 768}, {2, 3, 224, 224}, "tokens", "l"), Error);
}

TEST(LayoutTest, ThereAndBackIsTheIdentity) {
  const at::Tensor tokens = at::randn({2, 197, 8});
  const Layout layout = find_layout(tokens.sizes().vec(), {2, 3, 224, 224}, "tokens", "l");
  const at::Tensor map = layout.canonical(tokens);
  EXPECT_EQ(map.sizes(), (at::IntArrayRef{2, 8, 14, 14}));
  EXPECT_TRUE(at::equal(layout.raw(map, tokens, at::arange(2)), tokens));
  EXPECT_TRUE(at::equal(map[1].select(1, 0).select(1, 1), tokens[1][2]));  // row 0, column 1 is the second patch
  const at::Tensor last = at::randn({2, 7, 7, 16});
  const Layout channels_last = find_layout(last.sizes().vec(), {2, 3, 224, 224}, "auto", "l");
  EXPECT_TRUE(at::equal(channels_last.raw(channels_last.canonical(last), last, at::arange(2)), last));
}

// Eight steps are the count of a 2 x 2 grid and four tokens; nobody says that they are that.
TEST(LayoutTest, StepsAreNoTokensUntilSomebodySaysSo) {
  EXPECT_THROW(find_layout({1, 8, 64}, {1, 1, 128, 128}, "auto", "lstm"), Error);
  EXPECT_EQ(find_layout({1, 64, 64}, {1, 1, 128, 128}, "tokens", "lstm").spatial, (Shape{8, 8}));
}

// [2,5,5,5] could be either; a convolution tells, and so does a linear layer.
TEST(Layouts, OperatorsDecideBetweenTwoReadings) {
  TorchScriptModel convolutional(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 10, 10}, 40);
  Needs needs;
  needs.captures = {{"act1"}};
  const auto raw = convolutional.module.attr("conv1").toModule().forward({x}).toTensor().relu().detach();
  ASSERT_EQ(raw.sizes(), (Shape{2, 5, 5, 5}));
  EXPECT_TRUE(at::allclose(convolutional.forward(x, needs, true)->activation("act1").detach(), raw));

  torch::jit::Module last("__torch__.Last");
  last.register_attribute("training", c10::BoolType::get(), false);
  last.register_module("mix", test::module("Mix",
                                           "def forward(self, x):\n"
                                           "    return torch.relu(torch.linear(x.permute([0, 2, 3, 1]), self.w0))\n",
                                           {test::seeded({5, 3}, 41)}));
  last.define("def forward(self, x):\n    return torch.mean(self.mix.forward(x), [1, 2])\n");
  TorchScriptModel mixed(last);
  needs.captures = {{"mix"}};
  const at::Tensor small = test::seeded({2, 3, 5, 5}, 42);
  const auto mix = last.attr("mix").toModule().forward({small}).toTensor().detach();
  ASSERT_EQ(mix.sizes(), (Shape{2, 5, 5, 5}));
  EXPECT_TRUE(at::allclose(mixed.forward(small, needs, true)->activation("mix").detach(), mix.movedim(-1, 1)));
}

}  // namespace
}  // namespace attune
