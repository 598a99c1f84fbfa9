#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

TEST(LayersMean, IsTheMeanOfTheLayersMaps) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 10}, 4);
  const std::vector<std::string> layers{"conv1", "act1", "act2"};
  at::Tensor sum = at::zeros({2, 1, 12, 10}, at::kDouble);
  for (const std::string& layer : layers) {
    sum += test::heat_of(test::map_of(model, x, "gradcam", {{"layer", layer}}, 1), x);
  }
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "layers_mean", {{"layers", layers}}, 1), sum / 3, 1e-9, 1e-12));
}

TEST(LayersMean, BatchEqualsSamples) {
  test::expect_batch_equals_samples("layers_mean", {{"layers", std::vector<std::string>{"conv", "act"}}});
}

TEST(LayersMean, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("layers_mean", {{"layers", std::vector<std::string>{"conv", "act"}}},
                                                "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
