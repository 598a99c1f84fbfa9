#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Cells;

TEST(Fem, WeighsChannelsByTheirShareOfOutstandingCells) {
  for (const double deviations : {0.5, 1.0}) {
    test::expect_cam_is("fem", {{"deviations", deviations}}, [=](Cells a, Cells, int64_t n, int64_t s) {
      const auto cells = static_cast<double>(a.size(2));
      return test::over_channels(a, [&](int64_t c) {
        const double mean = test::over_cells(a, [&](int64_t t) { return a[n][c][t]; }) / cells;
        const double square = test::over_cells(a, [&](int64_t t) { return std::pow(a[n][c][t] - mean, 2); }) / cells;
        const double outstanding = test::over_cells(
            a, [&](int64_t t) { return a[n][c][t] > mean + deviations * std::sqrt(square) ? 1.0 : 0.0; });
        return outstanding / cells * a[n][c][s];
      });
    });
  }
}

TEST(Fem, BatchEqualsSamples) {
  test::expect_batch_equals_samples("fem", {{"layer", std::string("conv")}, {"deviations", 1.0}});
}

TEST(Fem, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    test::expect_gradients_are_finite_differences(test::model_of_rank(rank, "torch.tanh(x)"),
                                                  test::input_of_rank(rank, 2, 14), "fem",
                                                  {{"layer", std::string("conv")}, {"deviations", 1.0}}, /*unused=*/1);
  }
}

}  // namespace
}  // namespace attune
