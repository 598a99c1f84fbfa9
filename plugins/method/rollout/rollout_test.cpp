#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"
#include "transformers.h"

namespace attune {
namespace {

using test::Given;

// One sample's rollout [T,T] on test::vision_transformer().
at::Tensor rollout_of(const test::Module& module, const at::Tensor& tokens,
                      const std::function<at::Tensor(const at::Tensor&)>& fuse) {
  at::Tensor all = at::eye(tokens.size(0), tokens.options());
  for (const test::Followed& block : test::follow_blocks(module, tokens)) {
    const at::Tensor step = fuse(block.shares.detach()) + at::eye(tokens.size(0), tokens.options());
    all = at::matmul(step / step.sum(1, true), all);
  }
  return all;
}

at::Tensor mean_of_heads(const at::Tensor& shares) { return shares.mean(0); }

at::Tensor rollout_map(const test::Module& module, const at::Tensor& x, const Given& given) {
  TorchScriptModel model(module);
  return test::map_of(model, x, "rollout", given, 0);
}

TEST(Rollout, EqualsTheProductOfItsBlocks) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 21);
  const auto module = test::vision_transformer();
  const at::Tensor tokens = test::tokens_of(module, x, true);
  const std::vector<std::pair<std::string, std::function<at::Tensor(const at::Tensor&)>>> heads = {
      {"mean", mean_of_heads},
      {"max", [](const at::Tensor& shares) { return shares.amax(0); }},
      {"min", [](const at::Tensor& shares) { return shares.amin(0); }}};
  for (const auto& [name, fuse] : heads) {
    const at::Tensor expected = rollout_of(module, tokens, fuse)[0].slice(0, 1).view({1, 1, 4, 3});
    EXPECT_TRUE(at::allclose(rollout_map(module, x, {{"heads", name}}), expected)) << name;
  }
  const at::Tensor map = rollout_map(module, x, {});
  EXPECT_LT(map.sum().item<double>(), 1) << "the class token keeps a part";
  EXPECT_GT(map.std().item<double>(), 0.001);
}

TEST(Rollout, DiscardsTheSmallestProbabilities) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 22);
  const auto module = test::vision_transformer();
  const auto largest_half = [](const at::Tensor& shares) {
    const at::Tensor mean = shares.mean(0);
    const auto kept = mean.numel() - mean.numel() / 2;
    const at::Tensor least = std::get<0>(mean.flatten().sort(0, /*descending=*/true))[kept - 1];
    return at::where(mean >= least, mean, at::zeros_like(mean));
  };
  const at::Tensor expected =
      rollout_of(module, test::tokens_of(module, x, true), largest_half)[0].slice(0, 1).view({1, 1, 4, 3});
  EXPECT_TRUE(at::allclose(rollout_map(module, x, {{"discard", 0.5}}), expected));
  EXPECT_FALSE(at::allclose(rollout_map(module, x, {}), expected));
}

TEST(Rollout, WithoutAClassTokenItIsTheMeanOfAllPositions) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 23);
  const auto module = test::vision_transformer(2, /*class_token=*/false);
  const at::Tensor all = rollout_of(module, test::tokens_of(module, x, false), mean_of_heads);
  EXPECT_TRUE(at::allclose(rollout_map(module, x, {}), all.mean(0).view({1, 1, 4, 3})));
  const auto with = test::vision_transformer();
  const at::Tensor of_all = rollout_of(with, test::tokens_of(with, x, true), mean_of_heads).mean(0);
  EXPECT_TRUE(at::allclose(rollout_map(with, x, {{"query", "mean"}}), of_all.slice(0, 1).view({1, 1, 4, 3})));
  EXPECT_EQ(
      test::message_of(Fault::run,
                       [&] {
                         rollout_map(module, x, {{"query", "class_token"}});
                       }),
      "the method of map 'rollout': rollout was asked for the class token, and the model has none; query=mean has no "
      "need of it");
}

TEST(Rollout, IsTheSameForEveryTargetAndNamesItsBlocks) {
  TorchScriptModel model(test::vision_transformer());
  const std::vector<MapRequest> requests{{"rollout", test::own_plugins().make_method("rollout")}};
  const auto maps =
      compute_maps(model, test::seeded({2, 3, 8, 6}, 24), requests, {TargetChoice::parse("top3", {})}).maps[0];
  ASSERT_EQ(maps.size(), 3U);
  EXPECT_TRUE(at::equal(maps[0].values, maps[2].values));
  EXPECT_EQ(maps[0].layers, (std::vector<std::string>{"block1", "block2"}));
}

TEST(Rollout, RefusesModelsWithoutAttention) {
  EXPECT_EQ(test::message_of(Fault::input,
                             [&] {
                               rollout_map(test::small_model(), test::seeded({1, 3, 8, 8}, 25), {});
                             }),
            "the method of map 'rollout': rollout reads attention, and the model has no attention block");
}

TEST(Rollout, BatchEqualsSamples) { test::expect_batch_equals_samples_of_transformers("rollout"); }

// The linear layer behind the blocks has no part in it.
TEST(Rollout, GradientsAreFiniteDifferences) {
  test::expect_gradients_of_transformers("rollout", {{"heads", "mean"}}, /*unused=*/1);
}

}  // namespace
}  // namespace attune
