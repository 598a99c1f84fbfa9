#include "render/overlay.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "pictures.h"
#include "render/colormap.h"

namespace attune::test {
namespace {

Region all_of(const Image& image) {
  return {0, 0, static_cast<double>(image.size(1)), static_cast<double>(image.size(0))};
}

Image draw(const Image& image, const at::Tensor& map, const OverlayOptions& options = {}) {
  return overlay(image, map, all_of(image), options);
}

OverlayOptions options(const std::string& colormap, double alpha, bool signed_ = false) {
  OverlayOptions result;
  result.colormap = colormap;
  result.alpha = alpha;
  result.signed_ = signed_;
  return result;
}

at::Tensor hot_cell(int64_t height, int64_t width, int64_t y, int64_t x) {
  at::Tensor map = at::zeros({height, width});
  map[y][x] = 1;
  return map;
}

TEST(Overlay, WithoutHeatLeavesThePictureAsItIs) {
  const Image image = textured(61, 47);
  EXPECT_TRUE(at::equal(draw(image, at::zeros({13, 13})), image));
  EXPECT_TRUE(at::equal(draw(image, at::full({13, 13}, -2.0)), image));
  EXPECT_TRUE(at::equal(draw(image, at::zeros({13, 13}), options("", 0.6, true)), image));
  EXPECT_TRUE(at::equal(draw(image, hot_cell(5, 5, 2, 2), options("", 0)), image));
}

TEST(Overlay, FarFromTheHeatThePictureStaysAsItIs) {
  const Image image = textured(130, 130);
  const Image drawn = draw(image, hot_cell(13, 13, 2, 2));
  EXPECT_TRUE(at::equal(drawn.slice(0, 70), image.slice(0, 70)));
  EXPECT_GT(difference(drawn, image)[25][25].item<double>(), 60);
}

TEST(Overlay, DoesNotTouchItsArguments) {
  const Image image = textured(40, 30), copy = image.clone();
  const at::Tensor map = hot_cell(4, 4, 1, 1) * 3, map_copy = map.clone();
  overlay(image, map, {5, 5, 20, 20});
  EXPECT_TRUE(at::equal(image, copy));
  EXPECT_TRUE(at::equal(map, map_copy));
}

TEST(Overlay, HasThePicturesSize) {
  for (const auto& [height, width] : {std::pair(1, 1), {37, 211}, {211, 37}, {500, 333}}) {
    const Image drawn = draw(textured(height, width), at::rand({7, 7}));
    require_image(drawn);
    EXPECT_EQ(drawn.sizes(), at::IntArrayRef({height, width, 3}));
  }
}

TEST(Overlay, DrawsConstantAndOnePixelMapsEvenly) {
  const Image image = grey(50, 40, 100);
  for (const at::Tensor& map : {at::full({13, 13}, 0.25), at::ones({1, 1})}) {
    const Image drawn = draw(image, map, options("viridis", 1));
    EXPECT_LE(largest_difference(drawn, plain(50, 40, 253, 231, 37)), 3);
  }
  EXPECT_TRUE(at::equal(draw(image, at::zeros({1, 1})), image));
}

TEST(Overlay, AlphaIsTheOpacityOfTheGreatestHeat) {
  const Image drawn = draw(grey(20, 20, 100), at::ones({3, 3}), options("grey", 0.5));
  EXPECT_NEAR(channel(drawn, 10, 10, 0), 178, 3);
}

TEST(Overlay, OpacityMayBeTheSameEverywhere) {
  OverlayOptions uniform = options("grey", 0.5);
  uniform.opacity = Opacity::uniform;
  EXPECT_LE(largest_difference(draw(grey(20, 20, 100), at::zeros({3, 3}), uniform), grey(20, 20, 50)), 3);
  EXPECT_LE(largest_difference(draw(grey(20, 20, 100), at::ones({3, 3}), uniform), grey(20, 20, 178)), 3);
  const Image outside = overlay(grey(20, 40, 100), at::ones({3, 3}), {20, 0, 20, 20}, uniform);
  EXPECT_NEAR(channel(outside, 10, 5, 0), 55, 1);
  EXPECT_NEAR(channel(outside, 10, 30, 0), 178, 1);
}

TEST(Overlay, DrawsTheHotCellAtItsPlace) {
  const Image image = grey(130, 260, 128);
  const Image drawn = draw(image, hot_cell(13, 13, 3, 9));
  const Point centre = centre_of_mass(difference(drawn, image));
  EXPECT_NEAR(centre.x, 190, 1);
  EXPECT_NEAR(centre.y, 35, 1);
}

TEST(Overlay, DrawsTheHotCellAtItsPlaceInARegion) {
  const Image image = grey(200, 300, 128);
  const Region region{70.5, 20, 130, 65};
  const Image base = overlay(image, at::zeros({13, 13}), region);
  const Point centre = centre_of_mass(difference(overlay(image, hot_cell(13, 13, 4, 8), region), base));
  EXPECT_NEAR(centre.x, 70.5 + 85, 1);
  EXPECT_NEAR(centre.y, 20 + 22.5, 1);
}

TEST(Overlay, KeepsHeatAtTheBorderOfThePicture) {
  const Image image = grey(130, 130, 128);
  const at::Tensor change = difference(draw(image, hot_cell(13, 13, 0, 12)), image);
  EXPECT_GE(change[0][129].item<double>(), 0.9 * change.max().item<double>());
}

TEST(Overlay, IsSmooth) {
  const Image image = grey(130, 130, 128);
  const at::Tensor red = draw(image, hot_cell(13, 13, 6, 6), options("grey", 1)).select(2, 0).to(at::kInt);
  const at::Tensor steps = (red.slice(1, 1) - red.slice(1, 0, 129)).abs();
  EXPECT_LT(steps.max().item<int>(), 40);
}

TEST(Overlay, DimsWhatTheModelDidNotSee) {
  const Image image = plain(60, 100, 250, 200, 180);
  const Image drawn = overlay(image, at::zeros({4, 4}), {20, 0, 60, 60});
  EXPECT_TRUE(at::equal(drawn.slice(1, 20, 80), image.slice(1, 20, 80)));
  for (int64_t x : {0, 15, 84, 99}) {
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_LT(channel(drawn, 30, x, c), channel(image, 30, x, c) - 10);
      EXPECT_GT(channel(drawn, 30, x, c), channel(image, 30, x, c) / 3);
    }
  }
}

TEST(Overlay, HeatStaysInsideTheRegion) {
  const Image image = textured(60, 100);
  const Region region{20, 10, 60, 40};
  const Image cold = overlay(image, at::zeros({4, 4}), region), hot = overlay(image, at::ones({4, 4}), region);
  at::Tensor change = difference(hot, cold);
  EXPECT_GT(change.slice(0, 10, 50).slice(1, 20, 80).mean().item<double>(), 30);
  change.slice(0, 10, 50).slice(1, 20, 80).zero_();
  EXPECT_EQ(change.max().item<double>(), 0);
}

TEST(Overlay, DoesNotDependOnTheMapsScaleOrType) {
  const Image image = textured(50, 50);
  const at::Tensor map = at::arange(25, at::kFloat).view({5, 5}) - 10;
  const Image drawn = draw(image, map);
  for (double scale : {1e-30, 1e-3, 1e4, 1e30})
    EXPECT_LE(largest_difference(draw(image, map * scale), drawn), 1) << scale;
  EXPECT_LE(largest_difference(draw(image, map.to(at::kDouble)), drawn), 1);
  EXPECT_LE(largest_difference(draw(image, map.t().contiguous().t()), drawn), 0);
  EXPECT_LE(largest_difference(draw(image, map.clone().requires_grad_()), drawn), 0);
}

TEST(Overlay, TakesPicturesThatAreNotContiguous) {
  const Image image = textured(40, 60);
  const Image flipped = image.transpose(0, 1);
  const at::Tensor map = hot_cell(4, 4, 1, 2);
  EXPECT_TRUE(at::equal(draw(flipped, map), draw(flipped.contiguous(), map)));
}

TEST(Overlay, FullHeatFixesTheScale) {
  const Image image = grey(30, 30, 128);
  const at::Tensor map = at::ones({3, 3});
  OverlayOptions half = options("grey", 1);
  half.full_heat = 2;
  OverlayOptions same = half;
  same.full_heat = 1;
  EXPECT_TRUE(at::equal(draw(image, map, same), draw(image, map, options("grey", 1))));
  EXPECT_LT(channel(draw(image, map, half), 15, 15, 0), channel(draw(image, map, same), 15, 15, 0) - 20);
}

TEST(Overlay, SignedMapsAreSymmetricAboutZero) {
  const Image image = grey(40, 80, 128);
  at::Tensor map = at::ones({1, 2});
  map[0][0] = -1;
  const Image drawn = draw(image, map, options("grey", 0.6, true));
  const int negative = channel(drawn, 20, 2, 0), positive = channel(drawn, 20, 77, 0);
  EXPECT_LT(negative, 100);
  EXPECT_NEAR(128 - negative, positive - 128, 3);
  EXPECT_LE(largest_difference(draw(image, -map, options("grey", 0.6, true)).flip(1), drawn), 1);
}

TEST(Overlay, SignedMapsShowBothSignsInTheirColours) {
  const Image image = grey(40, 80, 128);
  at::Tensor map = at::ones({1, 2});
  map[0][0] = -0.9;
  const Image drawn = draw(image, map, options("", 0.6, true));
  EXPECT_GT(channel(drawn, 20, 2, 2), channel(drawn, 20, 2, 0) + 20);
  EXPECT_GT(channel(drawn, 20, 77, 0), channel(drawn, 20, 77, 2) + 20);
  EXPECT_TRUE(colormap(default_colormap(true)).diverging);
  EXPECT_FALSE(colormap(default_colormap(false)).diverging);
}

TEST(Overlay, RefusesMapsItCannotDraw) {
  const Image image = grey(20, 20, 128);
  at::Tensor map = at::ones({4, 4});
  for (double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    map[1][2] = bad;
    EXPECT_EQ(fault_of([&] { draw(image, map); }), Fault::run) << bad;
  }
  for (const at::Tensor& shape : {at::ones({4}), at::ones({2, 4, 4}), at::ones({0, 4})}) {
    EXPECT_EQ(fault_of([&] { draw(image, shape); }), Fault::run) << shape.sizes();
  }
  EXPECT_EQ(fault_of([&] { draw(at::ones({20, 20}), at::ones({4, 4})); }), Fault::run);
}

TEST(Overlay, RefusesUnknownColormaps) {
  EXPECT_EQ(fault_of([] { draw(grey(9, 9, 1), at::ones({4, 4}), options("jett", 0.5)); }), Fault::usage);
}

TEST(HeatRange, IsTheLargestValue) {
  const at::Tensor map = at::tensor({-5.0, 1.0, 2.0, 3.0}, at::kFloat).view({2, 2});
  EXPECT_DOUBLE_EQ(heat_range(map, false), 3);
  EXPECT_DOUBLE_EQ(heat_range(map, true), 5);
  EXPECT_DOUBLE_EQ(heat_range(-map.abs(), false), 0);
  EXPECT_DOUBLE_EQ(heat_range(at::zeros({3, 3}), true), 0);
}

TEST(HeatRange, IgnoresIsolatedPeaksOfFineMaps) {
  at::Tensor map = at::rand({224, 224});
  map[100][100] = 1000;
  EXPECT_LT(heat_range(map, false), 2);
  EXPECT_GT(heat_range(map, false), 0.8);
  EXPECT_LT(heat_range(-map, true), 2);
}

// A quantile of a map that is zero nearly everywhere is zero, although there is something to draw.
TEST(HeatRange, IsNotZeroForASingleHotPixel) {
  at::Tensor map = at::zeros({224, 224});
  map[100][100] = 7;
  EXPECT_GT(heat_range(map, false), 0);
}

}  // namespace
}  // namespace attune::test
