#include <cmath>
#include <gtest/gtest.h>

#include "matchers.h"

namespace attune {
namespace {

using test::FakeMatchContext;
using test::Given;
using test::seeded;
using test::Tensors;

// What is matched of one map when "recomputing" is `recompute`.
struct Transformed {
  at::Tensor first, second;
  Tensors inputs;  // that were made
};

Transformed transformed(const Given& given, const at::Tensor& map, const at::Tensor& input,
                        const std::function<at::Tensor(const at::Tensor&)>& recompute) {
  FakeMatchContext context({{"cam", false}}, input, [&](size_t, const at::Tensor& x) {
    return AttentionMap{recompute(x), false};
  });
  const auto matcher = test::own_plugins().make_matcher("transform", given);
  const MatchedPairs pairs = matcher->match(context, {{map, false}});
  EXPECT_EQ(pairs.size(), 1U);
  return {pairs[0].first.values, pairs[0].second.values, context.inputs};
}

// The mean over channels: a map that moves with its input.
at::Tensor brightness(const at::Tensor& x) { return x.mean(1, true); }

at::Tensor coarse(const at::Tensor& x) { return at::avg_pool2d(x.mean(1, true), {2, 2}); }

const Given horizontal{{"flip", std::string("horizontal")}}, vertical{{"flip", std::string("vertical")}},
    both_ways{{"flip", std::string("both")}};

TEST(Transform, FlipsInputAndMap) {
  const at::Tensor x = seeded({2, 3, 6, 8}, 1);
  for (const auto& [given, axes] :
       {std::pair(horizontal, std::vector<int64_t>{3}), {vertical, {2}}, {both_ways, {2, 3}}}) {
    const Transformed found = transformed(given, coarse(x), x, coarse);
    EXPECT_TRUE(at::equal(found.inputs[0], x.flip(axes)));
    EXPECT_TRUE(at::equal(found.first, coarse(x).flip(axes)));
    EXPECT_TRUE(at::allclose(found.first, found.second));
  }
  const at::Tensor signal = seeded({2, 3, 7}, 2), clip = seeded({2, 3, 4, 5, 6}, 3);
  EXPECT_TRUE(
      at::equal(transformed(horizontal, brightness(signal), signal, brightness).first, brightness(signal).flip({2})));
  EXPECT_TRUE(at::equal(transformed(vertical, brightness(clip), clip, brightness).first, brightness(clip).flip({3})));
}

TEST(Transform, TurnsByRightAngles) {
  const at::Tensor square = seeded({2, 3, 6, 6}, 4);
  for (const auto& [degrees, times] : {std::pair(90.0, 1), {180.0, 2}, {-90.0, 3}, {360.0, 4}}) {
    const Transformed found = transformed({{"rotate", degrees}}, coarse(square), square, coarse);
    EXPECT_TRUE(at::allclose(found.inputs[0], square.rot90(times, {2, 3}), 1e-9, 1e-9)) << degrees;
    EXPECT_TRUE(at::allclose(found.first, found.second, 1e-9, 1e-9)) << degrees;
    EXPECT_EQ(found.first.sizes(), (std::vector<int64_t>{2, 1, 3, 3}));
  }
}

// A linear function of the place is interpolated exactly, so a turned one is known everywhere inside.
TEST(Transform, TurnsByOtherAnglesAndLeavesOutTheCorners) {
  const int64_t height = 20, width = 16;
  const at::Tensor down = (at::arange(height, at::kDouble) + 0.5 - 10).unsqueeze(1).expand({height, width});
  const at::Tensor right = (at::arange(width, at::kDouble) + 0.5 - 8).unsqueeze(0).expand({height, width});
  const at::Tensor x = at::stack({down, right}).unsqueeze(0);  // [1,2,H,W]
  const double angle = 30 * M_PI / 180;
  const Transformed found = transformed({{"rotate", 30.0}}, x, x, [](const at::Tensor& t) { return t; });
  EXPECT_TRUE(at::allclose(found.first, found.second, 1e-9, 1e-9));
  ASSERT_EQ(found.first.size(2), 1);
  EXPECT_LT(found.first.size(3), height * width);
  EXPECT_GT(found.first.size(3), height * width / 2);
  // Inside of the border that has no neighbour to interpolate with, (down, right) is where the cell came from.
  const at::Tensor from_down = std::sin(angle) * right + std::cos(angle) * down;
  const at::Tensor from_right = std::cos(angle) * right - std::sin(angle) * down;
  const at::Tensor inside = (from_down.abs() <= 9.5) & (from_right.abs() <= 7.5);
  EXPECT_TRUE(at::allclose(found.inputs[0][0][0].index({inside}), from_down.index({inside}), 1e-9, 1e-9));
  EXPECT_TRUE(at::allclose(found.inputs[0][0][1].index({inside}), from_right.index({inside}), 1e-9, 1e-9));
}

TEST(Transform, ScalesTheInputAndResizesTheMap) {
  const at::Tensor x = seeded({2, 3, 8, 12}, 5), clip = seeded({1, 3, 4, 6, 8}, 6);
  const Transformed found = transformed({{"scale", 0.5}}, brightness(x), x, brightness);
  EXPECT_TRUE(at::allclose(found.inputs[0], at::upsample_bilinear2d(x, {4, 6}, false)));
  EXPECT_TRUE(at::allclose(found.first, found.second));
  EXPECT_EQ(transformed({{"scale", 1.5}}, brightness(clip), clip, brightness).inputs[0].sizes(),
            (std::vector<int64_t>{1, 3, 4, 9, 12}));
}

// A part of a linear function is that function, steeper or flatter by the share that is kept.
TEST(Transform, CropsTheSamePartOfInputAndMap) {
  const at::Tensor x = at::arange(16, at::kDouble).view({1, 1, 1, 16}).expand({2, 3, 10, 16});
  const Transformed found = transformed({{"crop", 0.5}}, coarse(x), x, coarse);
  const at::Tensor line = found.inputs[0][0][0][0];
  EXPECT_TRUE(at::allclose(line.diff().slice(0, 1, 14), at::full({13}, 0.5, at::kDouble), 1e-9, 1e-9)) << line;
  EXPECT_EQ(found.inputs[0].sizes(), x.sizes());
  EXPECT_TRUE(at::equal(found.inputs[0][0], found.inputs[0][1])) << "one place for the batch";
  EXPECT_TRUE(at::allclose(found.first.slice(3, 1, 7), found.second.slice(3, 1, 7), 1e-9, 0.13));
}

TEST(Transform, ChangesOfColourAndNoiseMoveNoMap) {
  const at::Tensor x = seeded({2, 3, 8, 8}, 7), map = coarse(x);
  for (const char* change : {"colour", "noise"}) {
    const Transformed found = transformed({{change, 0.3}}, map, x, coarse);
    EXPECT_TRUE(at::equal(found.first, map)) << change;
    EXPECT_GT((found.inputs[0] - x).abs().max().item<double>(), 1e-3) << change;
  }
  const at::Tensor noise = transformed({{"noise", 0.3}}, map, x, coarse).inputs[0] - x;
  const at::Tensor range = x.flatten(1).amax(1) - x.flatten(1).amin(1);
  EXPECT_TRUE(at::allclose(noise[0] / range[0], noise[1] / range[1])) << "one draw for the batch";
  EXPECT_NEAR((noise[0] / range[0]).std().item<double>(), 0.3, 0.05);
  const at::Tensor coloured = transformed({{"colour", 0.3}}, map, x, coarse).inputs[0];
  const at::Tensor slope = (coloured[0][0] - coloured[0][0][0][0]) / (x[0][0] - x[0][0][0][0] + 1e-300);
  EXPECT_LT((slope.flatten().slice(0, 1) - slope[1][1]).abs().max().item<double>(), 1e-9) << "linear in each channel";
  EXPECT_LE(std::abs(slope[1][1].item<double>() - 1), 0.3);
}

TEST(Transform, CutsTilesAndJoinsTheirMaps) {
  const at::Tensor x = seeded({2, 3, 8, 12}, 8), signal = seeded({2, 3, 9}, 9);
  const Given tiled{{"tiles", int64_t{2}}};
  const Transformed found = transformed(tiled, coarse(x), x, coarse);
  ASSERT_EQ(found.inputs.size(), 4U);
  EXPECT_TRUE(at::equal(found.inputs[1], x.slice(2, 0, 4).slice(3, 6, 12)));
  EXPECT_TRUE(at::allclose(found.second, coarse(x)));
  EXPECT_TRUE(at::allclose(found.first, found.second));
  EXPECT_EQ(transformed({{"tiles", int64_t{3}}}, brightness(signal), signal, brightness).inputs.size(), 3U);
  EXPECT_EQ(test::message_of(Fault::run,
                             [&] {
                               transformed({{"tiles", int64_t{5}}}, coarse(x), x, coarse);
                             }),
            "an input of 8 x 12 cannot be cut into 5 tiles of one size along each axis");
}

TEST(Transform, DeclaresWhatItRecomputes) {
  const auto matcher = test::own_plugins().make_matcher("transform", {{"tiles", int64_t{3}}});
  const Reruns reruns = matcher->reruns({{"a", false}, {"b", true}});
  EXPECT_EQ(reruns.maps, (std::vector<size_t>{0, 1}));
  EXPECT_TRUE(reruns.sources.empty());
  EXPECT_EQ(reruns.inputs, 9);
}

TEST(Transform, DerivativesAreFiniteDifferences) {
  const std::vector<Given> all{{{"flip", std::string("horizontal")}, {"scale", 0.7}},
                               {{"rotate", 25.0}},
                               {{"crop", 0.6}},
                               {{"colour", 0.5}, {"noise", 0.2}},
                               {{"tiles", int64_t{2}}}};
  const auto recompute = [](const at::Tensor& x) { return coarse(x.sin()); };
  for (const Given& given : all) {
    const test::Function function = [&](const Tensors& of) {
      const Transformed found = transformed(given, of[0], of[1], recompute);
      return Tensors{found.first, found.second};
    };
    test::expect_derivatives_are_finite_differences(function, {seeded({2, 1, 4, 4}, 10), seeded({2, 3, 8, 8}, 11)},
                                                    "transform", 1e-5);
  }
}

TEST(Transform, RefusesWhatHasNoSuchAxis) {
  const at::Tensor signal = seeded({1, 3, 8}, 12);
  EXPECT_EQ(test::message_of(Fault::run,
                             [&] {
                               transformed({{"rotate", 90.0}}, brightness(signal), signal, brightness);
                             }),
            "an input of one dimension can be mirrored horizontally, and not turned");
}

}  // namespace
}  // namespace attune
