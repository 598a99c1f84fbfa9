#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

TEST(GradCamElementwise, IsTheSumOfPositiveProducts) {
  test::expect_cam_is("gradcam_elementwise", {}, [](Cells a, Cells g, int64_t n, int64_t s) {
    return test::over_channels(a, [&](int64_t c) { return std::max(0.0, g[n][c][s] * a[n][c][s]); });
  });
}

TEST(GradCamElementwise, BatchEqualsSamples) {
  test::expect_batch_equals_samples("gradcam_elementwise", {{"layer", std::string("conv")}});
}

TEST(GradCamElementwise, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("gradcam_elementwise", {{"layer", std::string("conv")}},
                                                "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
