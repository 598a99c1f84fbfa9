#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"
#include "transformers.h"

namespace attune {
namespace {

using test::Given;

at::Tensor legrad_map(const test::Module& module, const at::Tensor& x, const Given& given, int64_t target = 1) {
  TorchScriptModel model(module);
  return test::map_of(model, x, "legrad", given, target);
}

// One sample's map [P], block by block from the first that counts.
at::Tensor legrad_by_hand(const test::Module& module, const at::Tensor& x, bool class_token, size_t first) {
  const auto blocks = test::follow_blocks(module, test::tokens_of(module, x, class_token));
  at::Tensor sum = at::zeros({12}, at::kDouble);
  for (size_t l = first; l < blocks.size(); ++l) {
    const at::Tensor score = at::matmul(blocks[l].tokens.mean(0), test::weight_of(module, "fc"))[1];
    const at::Tensor gain = torch::autograd::grad({score}, {blocks[l].shares}, {}, true)[0].clamp_min(0);
    sum = sum + gain.flatten(0, 1).mean(0).slice(0, class_token ? 1 : 0) / static_cast<double>(blocks.size() - first);
  }
  return sum;
}

TEST(LeGrad, EqualsItsBlocksByHand) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 170);
  for (const bool class_token : {true, false}) {
    const auto module = test::vision_transformer(2, class_token);
    for (const int64_t last : {0, 1, 2, 9}) {
      const at::Tensor expected = legrad_by_hand(module, x, class_token, last == 1 ? 1 : 0).view({1, 1, 4, 3});
      const at::Tensor map = legrad_map(module, x, {{"last", last}});
      EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << class_token << last << map << expected;
      EXPECT_GT(expected.std().item<double>(), 1e-4);
    }
  }
}

// The attention layer gives no tokens of the block, the layer around it does.
TEST(LeGrad, FindsTheTokensBehindABlock) {
  test::Module m("__torch__.Nested");
  m.register_attribute("training", c10::BoolType::get(), false);
  const auto plain = test::vision_transformer();
  for (const char* name : {"patches", "tokens", "fc"}) m.register_module(name, plain.attr(name).toModule());
  for (const char* name : {"block1", "block2"}) {
    test::Module block(std::string("__torch__.Block_") + name);
    block.register_attribute("training", c10::BoolType::get(), false);
    block.register_module("attn", plain.attr(name).toModule());
    block.define("def forward(self, x):\n    return torch.tanh(self.attn.forward(x))\n");
    m.register_module(name, block);
  }
  m.define(
      "def forward(self, x):\n"
      "    x = self.block2.forward(self.block1.forward(self.tokens.forward(self.patches.forward(x))))\n"
      "    return self.fc.forward(x[:, 0])\n");
  TorchScriptModel model(m);
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 171);
  const std::vector<MapRequest> requests{{"legrad", test::own_plugins().make_method("legrad")}};
  const auto map = compute_maps(model, x, requests, {TargetChoice::parse("1", {})}).maps[0][0];
  EXPECT_EQ(map.layers, (std::vector<std::string>{"block1.attn", "block2.attn"}));
  at::Tensor expected = at::zeros({12}, at::kDouble), tokens = test::tokens_of(plain, x, true);
  const at::AutoGradMode mode(true);
  for (const auto& [name, heads] : {std::pair{"block1", 2}, std::pair{"block2", 3}}) {
    const auto block = test::follow_block(tokens, test::weight_of(plain, name), heads);
    tokens = block.tokens.tanh();
    const at::Tensor score = at::matmul(tokens.mean(0), test::weight_of(plain, "fc"))[1];
    const at::Tensor gain = torch::autograd::grad({score}, {block.shares}, {}, true)[0].clamp_min(0);
    expected = expected + gain.flatten(0, 1).mean(0).slice(0, 1) / 2;
  }
  EXPECT_TRUE(at::allclose(map.values, expected.view({1, 1, 4, 3}), 1e-9, 1e-12)) << map.values << expected;
}

TEST(LeGrad, TargetsShareTheHead) {
  TorchScriptModel model(test::vision_transformer());
  const at::Tensor x = test::seeded({2, 3, 8, 6}, 172);
  const std::vector<MapRequest> requests{{"legrad", test::own_plugins().make_method("legrad")}};
  const auto both =
      compute_maps(model, x, requests, {TargetChoice::parse("3", {}), TargetChoice::parse("1", {})}).maps[0];
  EXPECT_TRUE(at::allclose(both[0].values, test::map_of(model, x, "legrad", {}, 3), 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(both[1].values, test::map_of(model, x, "legrad", {}, 1), 1e-9, 1e-12));
  EXPECT_FALSE(at::allclose(both[0].values, both[1].values));
}

TEST(LeGrad, WithAndWithoutAGraphItIsTheSame) {
  TorchScriptModel model(test::vision_transformer());
  const at::Tensor x = test::seeded({2, 3, 8, 6}, 173);
  const at::Tensor map = test::map_of(model, x, "legrad", {}, 1);
  EXPECT_FALSE(map.requires_grad());
  EXPECT_TRUE(at::allclose(map, test::map_of(model, x, "legrad", {}, 1, /*graph=*/true), 1e-9, 1e-12));
}

TEST(LeGrad, RefusesModelsWithoutAttention) {
  EXPECT_EQ(test::message_of(Fault::input,
                             [&] {
                               legrad_map(test::small_model(), test::seeded({1, 3, 8, 8}, 174), {});
                             }),
            "the method of map 'legrad': legrad reads attention, and the model has no attention block");
}

TEST(LeGrad, BatchEqualsSamples) { test::expect_batch_equals_samples_of_transformers("legrad"); }

TEST(LeGrad, GradientsAreFiniteDifferences) { test::expect_gradients_of_transformers("legrad"); }

}  // namespace
}  // namespace attune
