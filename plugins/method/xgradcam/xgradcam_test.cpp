#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

TEST(XGradCam, WeighsGradientsByTheFeatures) {
  test::expect_cam_is("xgradcam", {}, [](Cells a, Cells g, int64_t n, int64_t s) {
    return test::over_channels(a, [&](int64_t c) {
      const double total = test::over_cells(a, [&](int64_t t) { return a[n][c][t]; });
      const double attributed = test::over_cells(a, [&](int64_t t) { return g[n][c][t] * a[n][c][t]; });
      return attributed / total * a[n][c][s];
    });
  });
  test::expect_relu_keeps_the_positive_part("xgradcam");
}

// The paper's axiom of conservation.
TEST(XGradCam, AddsUpToTheScore) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 2);
    const at::Tensor map = test::map_of(model, x, "xgradcam", {{"layer", std::string("act")}}, 1);
    EXPECT_TRUE(at::allclose(map.flatten(1).sum(1), model.module_output(x, false).select(1, 1), 1e-9, 1e-12)) << rank;
  }
}

TEST(XGradCam, AChannelThatIsZeroHasNoWeight) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  x[0].zero_();
  const at::Tensor map = test::map_of(model, x, "xgradcam", {{"layer", std::string("conv")}}, 1);
  EXPECT_TRUE(at::equal(map[0], at::zeros_like(map[0])));
  EXPECT_GT(map[1].abs().max().item<double>(), 0);
}

TEST(XGradCam, BatchEqualsSamples) { test::expect_batch_equals_samples("xgradcam", {{"layer", std::string("conv")}}); }

TEST(XGradCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("xgradcam", {{"layer", std::string("act")}}, "torch.sigmoid(x)");
}

}  // namespace
}  // namespace attune
