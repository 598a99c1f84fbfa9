#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

TEST(Centre, IsABellOverTheMiddle) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);  // 4, 4 x 5 or 4 x 5 x 6 cells
    const at::Tensor map = test::map_of(model, x, "centre", {{"width", 0.5}}, 1);
    ASSERT_EQ(map.sizes().slice(2), x.sizes().slice(2));
    // The corner is (S - 1) / 2 cells from the middle along each axis, and the deviation S / 2 cells.
    double exponent = 0;
    for (int64_t axis = 2; axis < x.dim(); ++axis) {
      const auto extent = static_cast<double>(x.size(axis));
      exponent += std::pow((extent - 1) / extent, 2) / 2;
      EXPECT_TRUE(at::allclose(map, map.flip({axis}), 1e-12, 1e-15)) << rank;
    }
    const at::Tensor cells = map.flatten(1);
    EXPECT_NEAR(cells[0][0].item<double>(), std::exp(-exponent), 1e-12) << rank;
    EXPECT_NEAR(cells.min().item<double>(), std::exp(-exponent), 1e-12) << rank;
    EXPECT_TRUE(at::equal(map[0], map[1]));
  }
}

TEST(Centre, IsOneInTheMiddle) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor map = test::map_of(model, at::ones({1, 2, 5, 7}, at::kDouble), "centre", {}, 0);
  EXPECT_DOUBLE_EQ(map[0][0][2][3].item<double>(), 1);
  EXPECT_NEAR(map[0][0][2][0].item<double>(), std::exp(-0.5 * std::pow(3 / 1.75, 2)), 1e-12);
}

TEST(Centre, BatchEqualsSamples) { test::expect_batch_equals_samples("centre"); }

}  // namespace
}  // namespace attune
