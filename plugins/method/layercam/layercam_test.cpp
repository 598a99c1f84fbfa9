#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

TEST(LayerCam, IsTheSumOfFeaturesTimesTheirPositiveGradient) {
  test::expect_cam_is("layercam", {}, [](Cells a, Cells g, int64_t n, int64_t s) {
    return test::over_channels(a, [&](int64_t c) { return std::max(0.0, g[n][c][s]) * a[n][c][s]; });
  });
  test::expect_relu_keeps_the_positive_part("layercam");
}

TEST(LayerCam, IsNowhereNegativeBehindARectifier) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  EXPECT_GE(test::map_of(model, test::input_of_rank(2, 3, 2), "layercam", {}, 1).min().item<double>(), 0);
}

TEST(LayerCam, BatchEqualsSamples) { test::expect_batch_equals_samples("layercam", {{"layer", std::string("conv")}}); }

TEST(LayerCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("layercam", {{"layer", std::string("conv")}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
