#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

const test::Given convolution{{"layer", std::string("conv")}};

TEST(ShapleyCam, TakesHalfOfTheCurvatureFromTheGradient) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const auto [values, gradient, curved] = test::features_of(module, x, 2);
    auto shape = std::vector<int64_t>(static_cast<size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    shape[1] = values.size(1);
    const at::Tensor weights = (gradient - 0.5 * curved).flatten(2).mean(2).view(shape);
    const at::Tensor expected = (weights * values).sum(1, true);
    for (const bool graph : {false, true}) {
      const at::Tensor map = test::map_of(model, x, "shapley_cam", convolution, 2, graph);
      EXPECT_TRUE(at::allclose(map, expected, 1e-7, 1e-9)) << rank << graph;
      EXPECT_EQ(map.requires_grad(), graph);
    }
    EXPECT_FALSE(at::allclose(expected, test::map_of(model, x, "gradcam", convolution, 2), 1e-2, 1e-3));
  }
  test::expect_relu_keeps_the_positive_part("shapley_cam");
}

TEST(ShapleyCam, IsGradCamWhereTheScoreIsLinear) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "shapley_cam", convolution, 1),
                           test::map_of(model, x, "gradcam", convolution, 1), 1e-9, 1e-12));
}

TEST(ShapleyCam, NeedsNoParameterThatIsTrained) {
  auto module = test::model_of_rank(2, "torch.tanh(x)");
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  TorchScriptModel trained(module);
  const at::Tensor expected = test::map_of(trained, x, "shapley_cam", convolution, 1);
  for (const auto& parameter : module.parameters()) at::Tensor(parameter).requires_grad_(false);
  TorchScriptModel frozen(module);
  EXPECT_TRUE(at::allclose(test::map_of(frozen, x, "shapley_cam", convolution, 1), expected, 1e-9, 1e-12));
}

TEST(ShapleyCam, BatchEqualsSamples) { test::expect_batch_equals_samples("shapley_cam", convolution); }

TEST(ShapleyCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("shapley_cam", convolution, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
