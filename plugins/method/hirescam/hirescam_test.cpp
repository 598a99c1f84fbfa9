#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

TEST(HiResCam, IsTheSumOfFeaturesTimesTheirGradient) {
  test::expect_cam_is("hirescam", {}, [](Cells a, Cells g, int64_t n, int64_t s) {
    return test::over_channels(a, [&](int64_t c) { return g[n][c][s] * a[n][c][s]; });
  });
  test::expect_relu_keeps_the_positive_part("hirescam");
}

// Rectifiers and a mean without biases are linear in what they are given.
TEST(HiResCam, AddsUpToTheScore) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 2);
    const at::Tensor map = test::map_of(model, x, "hirescam", {{"layer", std::string("conv")}}, 1);
    EXPECT_TRUE(at::allclose(map.flatten(1).sum(1), model.module_output(x, false).select(1, 1), 1e-9, 1e-12)) << rank;
  }
}

TEST(HiResCam, BatchEqualsSamples) { test::expect_batch_equals_samples("hirescam", {{"layer", std::string("conv")}}); }

TEST(HiResCam, GradientsAreFiniteDifferences) {
  for (const std::string layer : {"conv", "act"}) {
    test::expect_gradients_are_finite_differences("hirescam", {{"layer", layer}}, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
