#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

// A linear classifier behind mean pooling: Grad-CAM is the class activation map (Zhou et al. 2016), divided by the
// number of positions.
TEST(GradCam, IsTheClassActivationMapOfALinearClassifier) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.relu(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    Needs needs;
    needs.captures = {{"act"}};
    const at::Tensor features = model.forward(x, needs, false)->activation("act");
    auto shape = std::vector<int64_t>(static_cast<size_t>(rank + 2), 1);
    shape[1] = 3;
    const at::Tensor weights = module.attr("fc").toTensor().detach()[2].view(shape);
    const double positions = static_cast<double>(features[0][0].numel());
    const at::Tensor expected = (weights * features).sum(1, true) / positions;
    const at::Tensor map = test::map_of(model, x, "gradcam", {{"layer", "act"}}, 2);
    EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << rank;
    EXPECT_LT(map.min().item<double>(), 0) << "a signed map is wanted for the test of relu";
    EXPECT_TRUE(at::equal(test::map_of(model, x, "gradcam", {{"layer", "act"}, {"relu", true}}, 2), at::relu(map)));
  }
}

TEST(GradCam, AutoIsTheLastLayer) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({1, 3, 16, 16}, 2);
  EXPECT_TRUE(
      at::equal(test::map_of(model, x, "gradcam", {}, 0), test::map_of(model, x, "gradcam", {{"layer", "act2"}}, 0)));
  EXPECT_FALSE(
      at::equal(test::map_of(model, x, "gradcam", {}, 0), test::map_of(model, x, "gradcam", {{"layer", "conv2"}}, 0)));
}

// What is not trained would not be recorded for its own sake.
TEST(GradCam, OfFrozenLayersIsTheSameWithAGraph) {
  for (const bool head : {false, true}) {
    const auto module = test::small_model();
    for (const auto& parameter : module.parameters()) at::Tensor(parameter).requires_grad_(false);
    module.attr("fc").toTensor().requires_grad_(head);
    TorchScriptModel model(module);
    const at::Tensor x = test::seeded({2, 3, 12, 12}, 3);
    const at::Tensor map = test::map_of(model, x, "gradcam", {}, 1);
    EXPECT_GT(map.abs().max().item<double>(), 0);
    EXPECT_TRUE(at::allclose(test::map_of(model, x, "gradcam", {}, 1, /*graph=*/true), map, 1e-9, 1e-12)) << head;
  }
}

TEST(GradCam, BatchEqualsSamples) { test::expect_batch_equals_samples("gradcam"); }

TEST(GradCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("gradcam", {{"layer", "act"}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
