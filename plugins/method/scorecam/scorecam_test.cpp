#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Given;

Given scored(Given more) {
  more["layer"] = std::string("conv");
  return more;
}

// Sample by sample and map by map, in one pass each.
at::Tensor weighed_one_by_one(const test::Module& module, const at::Tensor& x, const at::Tensor& features, bool minmax,
                              int64_t channels, int64_t target) {
  TorchScriptModel model(module);
  std::vector<at::Tensor> maps;
  for (int64_t n = 0; n < x.size(0); ++n) {
    std::vector<int64_t> order;
    for (int64_t k = 0; k < features.size(1); ++k) order.push_back(k);
    const auto spread = [&](int64_t k) { return features[n][k].std().item<double>(); };
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return spread(a) > spread(b); });
    order.resize(static_cast<size_t>(channels));
    double total = 0;
    at::Tensor map = at::zeros_like(x[n].narrow(0, 0, 1));
    for (const int64_t k : order) {
      at::Tensor mask = features[n][k];  // of the input's size already
      if (minmax) mask = (mask - mask.min()) / (mask.max() - mask.min());
      const double weight = std::exp(model.module_output((x[n] * mask).unsqueeze(0), false)[0][target].item<double>());
      map = map + weight * features[n][k];
      total += weight;
    }
    maps.push_back(map / total);
  }
  return at::stack(maps);
}

TEST(ScoreCam, WeighsByTheScoreOfWhatAMapShows) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const at::Tensor features = test::features_of(module, x, 2).values;
    for (const bool minmax : {true, false}) {
      for (const int64_t channels : {0, 2, 9}) {
        const at::Tensor expected =
            weighed_one_by_one(module, x, features, minmax, channels == 0 ? 3 : std::min<int64_t>(3, channels), 2);
        for (const bool graph : {false, true}) {
          const at::Tensor map =
              test::map_of(model, x, "scorecam", scored({{"minmax", minmax}, {"channels", channels}}), 2, graph);
          EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << rank << minmax << channels << graph;
          EXPECT_EQ(map.requires_grad(), graph);
        }
      }
    }
  }
  test::expect_relu_keeps_the_positive_part("scorecam");
}

// Features of half the input's size are enlarged between their centres.
TEST(ScoreCam, EnlargesTheFeatures) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({1, 3, 8, 6}, 4);
  Needs needs;
  needs.captures = {{"conv2"}};
  const at::Tensor features = model.forward(x, needs, false)->activation("conv2");
  at::Tensor masks = at::upsample_bilinear2d(features, {8, 6}, false)[0].unsqueeze(1);
  masks = masks - masks.amin({1, 2, 3}, true);
  masks = masks / masks.amax({1, 2, 3}, true);
  const at::Tensor weights = at::softmax(model.module_output(x * masks, false).select(1, 3), 0);
  const at::Tensor expected = (weights.view({1, -1, 1, 1}) * features).sum(1, true);
  EXPECT_TRUE(
      at::allclose(test::map_of(model, x, "scorecam", {{"layer", std::string("conv2")}}, 3), expected, 1e-9, 1e-12));
}

TEST(ScoreCam, AMapWithoutDifferenceHidesAll) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = at::zeros({1, 3, 8, 6}, at::kDouble);
  EXPECT_TRUE(at::isfinite(test::map_of(model, x, "scorecam", {}, 3)).all().item<bool>());
}

TEST(ScoreCam, BatchEqualsSamples) {
  test::expect_batch_equals_samples("scorecam", scored({}));
  test::expect_batch_equals_samples("scorecam", scored({{"channels", int64_t{2}}}));
}

TEST(ScoreCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("scorecam", scored({{"channels", int64_t{2}}}), "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
