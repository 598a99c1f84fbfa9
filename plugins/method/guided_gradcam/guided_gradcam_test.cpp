#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

TEST(GuidedGradCam, IsGuidedBackpropagationWhereGradCamIsPositive) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 10}, 3);
  const test::Given layer{{"layer", std::string("conv2")}};
  const at::Tensor guided = test::map_of(model, x, "guided_backprop", {}, 1);
  const at::Tensor window = test::map_of(model, x, "gradcam", layer, 1).relu();
  ASSERT_LT(window.size(2), x.size(2)) << "a map that must be enlarged is wanted";
  ASSERT_GT(window.max().item<double>(), 0);
  const auto map = [&](const std::string& enlarge) {
    return test::map_of(model, x, "guided_gradcam", {{"layer", std::string("conv2")}, {"enlarge", enlarge}}, 1);
  };
  EXPECT_TRUE(at::allclose(map("linear"), guided * at::upsample_bilinear2d(window, {12, 10}, false), 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(map("nearest"), guided * at::upsample_nearest2d(window, {12, 10}), 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "guided_gradcam",
                                        {{"layer", std::string("conv2")}, {"channels", std::string("abs_sum")}}, 1),
                           map("linear").abs().sum(1, true), 1e-9, 1e-12));
}

TEST(GuidedGradCam, TakesSignalsAndClips) {
  for (const int64_t rank : {1, 3}) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 2);
    const at::Tensor window = test::map_of(model, x, "gradcam", {{"layer", std::string("conv")}}, 1).relu();
    for (const std::string enlarge : {"linear", "nearest"}) {
      const at::Tensor map =
          test::map_of(model, x, "guided_gradcam", {{"layer", std::string("conv")}, {"enlarge", enlarge}}, 1);
      EXPECT_TRUE(at::allclose(map, window * test::map_of(model, x, "guided_backprop", {}, 1), 1e-9, 1e-12)) << rank;
    }
  }
}

TEST(GuidedGradCam, BatchEqualsSamples) {
  test::expect_batch_equals_samples("guided_gradcam");
  test::expect_batch_equals_samples(test::small_model(), test::seeded({3, 3, 9, 7}, 43), "guided_gradcam", {});
}

TEST(GuidedGradCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("guided_gradcam", {{"layer", std::string("conv")}},
                                                "torch.softplus(x, 1.0, 20.0)");
}

}  // namespace
}  // namespace attune
