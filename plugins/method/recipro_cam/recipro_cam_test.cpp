#include <array>
#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

using test::Given;

const Given reciprocal_layer{{"layer", std::string("conv")}};

// Which place a cell has, counted along the last axis first.
std::vector<int64_t> place_of(int64_t cell, at::IntArrayRef extents) {
  std::vector<int64_t> place(extents.size());
  for (size_t axis = extents.size(); axis-- > 0; cell /= extents[axis]) place[axis] = cell % extents[axis];
  return place;
}

// 1; 1/4, 1/2, 1/4; 1/16, 4/16, 6/16, 4/16, 1/16.
double binomial(int64_t radius, int64_t step) {
  if (std::abs(step) > radius) return 0;
  if (radius == 0) return 1;
  if (radius == 1) return step == 0 ? 0.5 : 0.25;
  return std::array{6.0, 4.0, 1.0}[static_cast<size_t>(std::abs(step))] / 16;
}

at::Tensor place_by_place(const test::Module& module, const at::Tensor& features, int64_t radius, int64_t target) {
  const auto extents = features.sizes().slice(2);
  const at::Tensor map = at::zeros_like(features.narrow(1, 0, 1)).flatten(1);
  for (int64_t tried = 0; tried < map.size(1); ++tried) {
    const at::Tensor left = at::zeros_like(features).flatten(2);
    for (int64_t cell = 0; cell < map.size(1); ++cell) {
      double kept = 1;
      for (size_t axis = 0; axis < extents.size(); ++axis) {
        kept *= binomial(radius, place_of(cell, extents)[axis] - place_of(tried, extents)[axis]);
      }
      left.select(2, cell).copy_(kept * features.flatten(2).select(2, cell));
    }
    map.select(1, tried).copy_(test::score_behind(module, left, target));
  }
  return map.view_as(features.narrow(1, 0, 1));
}

TEST(ReciproCam, IsTheScoreOfTheFeaturesAroundEachPlace) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const at::Tensor features = test::features_of(module, x, 2).values;
    for (int64_t radius = 0; radius <= 2; ++radius) {
      Given given = reciprocal_layer;
      given["radius"] = radius;
      const at::Tensor expected = place_by_place(module, features, radius, 2);
      for (const bool graph : {false, true}) {
        const at::Tensor map = test::map_of(model, x, "recipro_cam", given, 2, graph);
        EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << rank << radius << graph;
        EXPECT_EQ(map.requires_grad(), graph);
      }
    }
  }
}

// A patch alone, beside the class token that the model has made of all.
TEST(ReciproCam, ATransformersClassTokenStays) {
  TorchScriptModel model(test::vision_transformer());
  const at::Tensor x = test::seeded({2, 3, 8, 6}, 3);
  const std::string layer = "block1";
  Needs needs;
  needs.captures = {{layer}, {layer, Capture::raw}};
  const auto pass = model.forward(x, needs, false);
  const at::Tensor grid = pass->activation(layer), tokens = pass->captured({layer, Capture::raw});
  const at::Tensor map = test::map_of(model, x, "recipro_cam", {{"layer", layer}, {"radius", int64_t{0}}}, 1);
  ASSERT_EQ(map.sizes().slice(2), grid.sizes().slice(2));
  const int64_t places = grid[0][0].numel(), others = tokens.size(1) - places;
  ASSERT_GT(others, 0);
  for (int64_t place = 0; place < places; ++place) {
    const at::Tensor left = at::zeros_like(tokens);
    left.narrow(1, 0, others).copy_(tokens.narrow(1, 0, others));
    left.select(1, others + place).copy_(tokens.select(1, others + place));
    const at::Tensor score = pass->resume({layer, Capture::raw}, left).select(1, 1);
    EXPECT_TRUE(at::allclose(map.flatten(1).select(1, place), score, 1e-9, 1e-12)) << place;
  }
}

TEST(ReciproCam, TargetsShareTheRuns) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 4);
  const std::vector<MapRequest> requests{{"map", test::own_plugins().make_method("recipro_cam", reciprocal_layer)}};
  const auto maps =
      compute_maps(model, x, requests, {TargetChoice::parse("3", {}), TargetChoice::parse("1", {})}).maps[0];
  EXPECT_TRUE(at::allclose(maps[0].values, test::map_of(model, x, "recipro_cam", reciprocal_layer, 3), 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(maps[1].values, test::map_of(model, x, "recipro_cam", reciprocal_layer, 1), 1e-9, 1e-12));
}

TEST(ReciproCam, BatchEqualsSamples) { test::expect_batch_equals_samples("recipro_cam", reciprocal_layer); }

TEST(ReciproCam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("recipro_cam", reciprocal_layer, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
