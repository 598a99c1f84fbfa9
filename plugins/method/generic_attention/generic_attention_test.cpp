#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"
#include "transformers.h"

namespace attune {
namespace {

using test::Given;

at::Tensor relevance_map(const test::Module& module, const at::Tensor& x, const Given& given, int64_t target = 1) {
  TorchScriptModel model(module);
  return test::map_of(model, x, "generic_attention", given, target);
}

// One sample's relevance [T,T] of class 1, head by head.
at::Tensor relevance_by_hand(const test::Module& module, const at::Tensor& x, bool class_token) {
  const auto blocks = test::follow_blocks(module, test::tokens_of(module, x, class_token));
  const at::Tensor score = test::score_of(module, blocks.back().tokens, class_token, 1);
  at::Tensor relevance = at::eye(blocks[0].tokens.size(0), at::kDouble);
  for (const test::Followed& block : blocks) {
    const at::Tensor gradient = torch::autograd::grad({score}, {block.shares}, {}, true)[0];
    at::Tensor step = at::zeros_like(relevance);
    for (int64_t head = 0; head < gradient.size(0); ++head) {
      step += (gradient[head] * block.shares[head]).detach().clamp_min(0) / gradient.size(0);
    }
    relevance = relevance + at::matmul(step, relevance);
  }
  return relevance;
}

TEST(GenericAttention, EqualsItsBlocksByHand) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 163);
  const auto with = test::vision_transformer(), without = test::vision_transformer(2, /*class_token=*/false);
  const at::Tensor expected = relevance_by_hand(with, x, true).slice(1, 1);
  EXPECT_TRUE(at::allclose(relevance_map(with, x, {}), expected[0].view({1, 1, 4, 3}), 1e-9, 1e-12));
  EXPECT_TRUE(
      at::allclose(relevance_map(with, x, {{"query", "mean"}}), expected.mean(0).view({1, 1, 4, 3}), 1e-9, 1e-12));
  EXPECT_GT(expected[0].std().item<double>(), 1e-4);
  EXPECT_TRUE(at::allclose(relevance_map(without, x, {}),
                           relevance_by_hand(without, x, false).mean(0).view({1, 1, 4, 3}), 1e-9, 1e-12));
}

TEST(GenericAttention, FollowsTheClassAndNamesItsBlocks) {
  TorchScriptModel model(test::vision_transformer());
  const std::vector<MapRequest> requests{{"relevance", test::own_plugins().make_method("generic_attention")}};
  const auto maps =
      compute_maps(model, test::seeded({2, 3, 8, 6}, 164), requests, {TargetChoice::parse("top2", {})}).maps[0];
  EXPECT_EQ(maps[0].layers, (std::vector<std::string>{"block1", "block2"}));
  EXPECT_GE(maps[0].values.min().item<double>(), 0);
  EXPECT_FALSE(at::allclose(maps[0].values, maps[1].values));
}

TEST(GenericAttention, RefusesModelsWithoutAttention) {
  EXPECT_EQ(test::message_of(Fault::input,
                             [&] {
                               relevance_map(test::small_model(), test::seeded({1, 3, 8, 8}, 165), {});
                             }),
            "the method of map 'generic_attention': generic_attention reads attention, and the model has no attention "
            "block");
}

TEST(GenericAttention, BatchEqualsSamples) { test::expect_batch_equals_samples_of_transformers("generic_attention"); }

TEST(GenericAttention, GradientsAreFiniteDifferences) { test::expect_gradients_of_transformers("generic_attention"); }

}  // namespace
}  // namespace attune
