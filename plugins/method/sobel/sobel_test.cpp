#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

// The kernel of the slope along `axis`, [1,1,3,..]: a product of (-1, 0, 1) and (1, 2, 1).
at::Tensor sobel_kernel(int64_t rank, int64_t axis) {
  at::Tensor kernel = at::ones({1, 1}, at::kDouble);
  for (int64_t a = 0; a < rank; ++a) {
    const at::Tensor line =
        a == axis ? at::tensor({-1.0, 0.0, 1.0}, at::kDouble) : at::tensor({1.0, 2.0, 1.0}, at::kDouble);
    kernel = kernel.unsqueeze(-1) * line;
  }
  return kernel;
}

TEST(Sobel, IsTheMagnitudeOfTheSlopes) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const auto axes = static_cast<size_t>(rank);
    const std::vector<int64_t> border(2 * axes, 1), ones(axes, 1), zeros(axes, 0);
    const at::Tensor grey = x.mean(1, true);
    const at::Tensor padded = rank == 1   ? at::replication_pad1d(grey, border)
                              : rank == 2 ? at::replication_pad2d(grey, border)
                                          : at::replication_pad3d(grey, border);
    at::Tensor sum = at::zeros_like(grey);
    for (int64_t axis = 0; axis < rank; ++axis) {
      sum += at::convolution(padded, sobel_kernel(rank, axis), {}, ones, zeros, ones, false, zeros, 1).square();
    }
    EXPECT_TRUE(at::allclose(test::map_of(model, x, "sobel", {}, 1), sum.sqrt(), 1e-9, 1e-12)) << rank;
  }
}

TEST(Sobel, OfAPlainInputIsZero) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = at::ones({1, 2, 4, 5}, at::kDouble);
  EXPECT_TRUE(at::equal(test::map_of(model, x, "sobel", {}, 0), at::zeros({1, 1, 4, 5}, at::kDouble)));
}

TEST(Sobel, BatchEqualsSamples) { test::expect_batch_equals_samples("sobel"); }

TEST(Sobel, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    test::expect_gradients_are_finite_differences(test::model_of_rank(rank, "torch.tanh(x)"),
                                                  test::input_of_rank(rank, 2, 14), "sobel", {}, /*unused=*/2);
  }
}

}  // namespace
}  // namespace attune
