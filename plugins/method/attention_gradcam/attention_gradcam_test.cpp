#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"
#include "transformers.h"

namespace attune {
namespace {

using test::Given;

at::Tensor heads_map(const test::Module& module, const at::Tensor& x, const Given& given, int64_t target = 1) {
  TorchScriptModel model(module);
  return test::map_of(model, x, "attention_gradcam", given, target);
}

// One sample's map [P] without a rectifier, head by head, at block 0 or 1.
at::Tensor heads_by_hand(const test::Module& module, const at::Tensor& x, bool class_token, size_t block) {
  const auto blocks = test::follow_blocks(module, test::tokens_of(module, x, class_token));
  const at::Tensor score = test::score_of(module, blocks.back().tokens, class_token, 1);
  const at::Tensor shares = blocks[block].shares, gradient = torch::autograd::grad({score}, {shares})[0];
  at::Tensor sum = at::zeros({12}, at::kDouble);
  for (int64_t head = 0; head < shares.size(0); ++head) {
    const auto row = [&](const at::Tensor& all) { return class_token ? all[head][0].slice(0, 1) : all[head].mean(0); };
    sum += (row(gradient).mean() * row(shares)).detach() / shares.size(0);
  }
  return sum;
}

TEST(AttentionGradCam, EqualsItsHeadsByHand) {
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 160);
  for (const bool class_token : {true, false}) {
    const auto module = test::vision_transformer(2, class_token);
    for (const auto& [layer, block] : {std::pair{"auto", 1U}, std::pair{"block2", 1U}, std::pair{"block1", 0U}}) {
      const at::Tensor expected = heads_by_hand(module, x, class_token, block).view({1, 1, 4, 3});
      EXPECT_TRUE(at::allclose(heads_map(module, x, {{"layer", layer}}), expected, 1e-9, 1e-12))
          << class_token << layer;
      EXPECT_TRUE(at::allclose(heads_map(module, x, {{"layer", layer}, {"relu", true}}), expected.relu(), 1e-9, 1e-12));
      EXPECT_GT(expected.std().item<double>(), 1e-5);
    }
  }
}

TEST(AttentionGradCam, NamesItsBlockAndFollowsTheClass) {
  TorchScriptModel model(test::vision_transformer());
  const std::vector<MapRequest> requests{{"heads", test::own_plugins().make_method("attention_gradcam")}};
  const auto maps =
      compute_maps(model, test::seeded({2, 3, 8, 6}, 161), requests, {TargetChoice::parse("top2", {})}).maps[0];
  EXPECT_EQ(maps[0].layers, (std::vector<std::string>{"block2"}));
  EXPECT_FALSE(at::allclose(maps[0].values, maps[1].values));
}

TEST(AttentionGradCam, RefusesLayersWithoutAttention) {
  const auto refusal = [](const test::Module& module, const Given& given) {
    return test::message_of(Fault::input, [&] { heads_map(module, test::seeded({1, 3, 8, 8}, 162), given); });
  };
  EXPECT_EQ(refusal(test::small_model(), {}),
            "the method of map 'attention_gradcam': attention_gradcam reads attention, and the model has no attention "
            "block");
  EXPECT_EQ(refusal(test::vision_transformer(), {{"layer", "patches"}}),
            "layer 'patches' is no attention block: it has no softmax between positions; the nearest that is one is "
            "'block1'");
}

TEST(AttentionGradCam, BatchEqualsSamples) { test::expect_batch_equals_samples_of_transformers("attention_gradcam"); }

TEST(AttentionGradCam, GradientsAreFiniteDifferences) { test::expect_gradients_of_transformers("attention_gradcam"); }

}  // namespace
}  // namespace attune
