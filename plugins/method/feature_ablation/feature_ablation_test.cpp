#include <gtest/gtest.h>

#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

const std::string cells_of_a_grid = "grid";

at::Tensor part_by_part(const ImageModel& model, const at::Tensor& x, const at::Tensor& labels, int64_t count,
                        std::optional<double> fill, int64_t target) {
  const auto score = [&](const at::Tensor& sample) {
    return model.module_output(sample.unsqueeze(0), false)[0][target].item<double>();
  };
  at::Tensor map = at::zeros_like(x.narrow(1, 0, 1));
  for (int64_t n = 0; n < x.size(0); ++n) {
    for (int64_t part = 0; part < count; ++part) {
      at::Tensor without = x[n].clone();
      for (int64_t c = 0; c < x.size(1); ++c) {
        without[c].masked_fill_(labels == part, fill ? *fill : x[n][c].mean().item<double>());
      }
      map[n][0].masked_fill_(labels == part, score(x[n]) - score(without));
    }
  }
  return map;
}

TEST(FeatureAblation, IsTheDropWithoutEachCellOfAGrid) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const auto extents = x.sizes().slice(2);
    for (const int64_t cells : {2, 3, 9}) {
      const at::Tensor labels = test::grid_labels(extents, cells);
      const int64_t count = test::grid_count(extents, cells);
      const Given given{{"segments", cells_of_a_grid}, {"cells", cells}};
      EXPECT_TRUE(at::allclose(test::map_of(model, x, "feature_ablation", given, 2),
                               part_by_part(model, x, labels, count, 0.0, 2), 1e-9, 1e-12))
          << rank << cells;
      Given with_mean = given;
      with_mean["fill"] = std::string("mean");
      EXPECT_TRUE(at::allclose(test::map_of(model, x, "feature_ablation", with_mean, 2),
                               part_by_part(model, x, labels, count, {}, 2), 1e-9, 1e-12))
          << rank << cells;
    }
  }
}

// A disc that no grid follows: no superpixel reaches across its edge.
TEST(FeatureAblation, SuperpixelsFollowEdges) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor down = at::arange(40, at::kDouble).unsqueeze(1) - 17, right = at::arange(40, at::kDouble) - 21;
  const at::Tensor disc = ((down.square() + right.square()) < 150).to(at::kDouble);
  const at::Tensor x = at::stack({disc, 1 - disc}).unsqueeze(0) + 0.01 * test::seeded({1, 2, 40, 40}, 2);
  const auto mixed = [&](const Given& given) {  // parts with places on both sides, found by their values
    const at::Tensor map = test::map_of(model, x, "feature_ablation", given, 1).flatten(), side = disc.flatten() > 0;
    int64_t count = 0;
    for (int64_t i = 0; i < map.size(0); ++i) {
      const at::Tensor part = map == map[i];
      count += (at::logical_and(part, side).any() & at::logical_and(part, side.logical_not()).any()).item<bool>();
    }
    return count;
  };
  EXPECT_EQ(mixed({{"cells", int64_t{6}}, {"compactness", 0.1}}), 0);
  EXPECT_GT(mixed({{"cells", int64_t{6}}, {"segments", cells_of_a_grid}}), 100) << "places in such parts";
}

TEST(FeatureAblation, LargeCompactnessIsAGrid) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    EXPECT_TRUE(at::equal(
        test::map_of(model, x, "feature_ablation", {{"cells", int64_t{2}}, {"compactness", 1000.0}}, 2),
        test::map_of(model, x, "feature_ablation", {{"cells", int64_t{2}}, {"segments", cells_of_a_grid}}, 2)))
        << rank;
  }
}

TEST(FeatureAblation, BatchEqualsSamples) {
  test::expect_batch_equals_samples("feature_ablation", {{"cells", int64_t{2}}});
  test::expect_batch_equals_samples("feature_ablation", {{"segments", cells_of_a_grid}});
}

}  // namespace
}  // namespace attune
