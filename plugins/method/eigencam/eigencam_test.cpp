#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

TEST(EigenCam, IsTheFirstComponentOfTheFeatures) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 3, 1);
    const at::Tensor features = test::features_of(module, x, 0).values.flatten(2);
    const at::Tensor map = test::map_of(model, x, "eigencam", {{"layer", std::string("conv")}}, 0);
    for (int64_t n = 0; n < x.size(0); ++n) {
      const at::Tensor expected = test::first_component(features[n].t(), features[n].square().sum(0));
      EXPECT_TRUE(at::allclose(map[n].flatten(), expected, 1e-7, 1e-9)) << rank << ", sample " << n;
    }
    EXPECT_LT(map.flatten(1).sum(1).abs().max().item<double>(), 1e-9);
    EXPECT_TRUE(at::equal(map, test::map_of(model, x, "eigencam", {{"layer", std::string("conv")}}, 3)))
        << "it is of no class";
  }
}

// Features that turn over have the same lengths: what was strong stays positive.
TEST(EigenCam, GrowsWithTheLengthOfTheFeatures) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 4, 7);
  const test::Given given{{"layer", std::string("conv")}};
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "eigencam", given, 0), test::map_of(model, -x, "eigencam", given, 0),
                           1e-9, 1e-12));
}

TEST(EigenCam, BatchEqualsSamples) { test::expect_batch_equals_samples("eigencam", {{"layer", std::string("conv")}}); }

TEST(EigenCam, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    test::expect_gradients_are_finite_differences(test::model_of_rank(rank, "torch.tanh(x)"),
                                                  test::input_of_rank(rank, 2, 14), "eigencam",
                                                  {{"layer", std::string("act")}}, /*unused=*/1);
  }
}

}  // namespace
}  // namespace attune
