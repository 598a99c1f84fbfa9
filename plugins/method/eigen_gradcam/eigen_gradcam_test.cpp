#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

TEST(EigenGradCam, IsTheFirstComponentOfTheEvidence) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 3, 1);
    const test::Features features = test::features_of(module, x, 2);
    const at::Tensor evidence = (features.gradient * features.values).flatten(2);
    const at::Tensor map = test::map_of(model, x, "eigen_gradcam", {{"layer", std::string("conv")}}, 2);
    for (int64_t n = 0; n < x.size(0); ++n) {
      const at::Tensor expected = test::first_component(evidence[n].t(), evidence[n].sum(0));
      EXPECT_TRUE(at::allclose(map[n].flatten(), expected, 1e-7, 1e-9)) << rank << ", sample " << n;
    }
  }
}

TEST(EigenGradCam, BatchEqualsSamples) {
  test::expect_batch_equals_samples("eigen_gradcam", {{"layer", std::string("conv")}});
}

TEST(EigenGradCam, GradientsAreFiniteDifferences) {
  for (const std::string layer : {"conv", "act"}) {
    test::expect_gradients_are_finite_differences("eigen_gradcam", {{"layer", layer}}, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
