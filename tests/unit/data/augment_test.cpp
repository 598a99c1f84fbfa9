// Pictures, and boxes that follow them.
#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

#include "errors.h"
#include "picture.h"
#include "support.h"

namespace attune::test {
namespace {

// Black, with a white rectangle.
Image with_white(int64_t height, int64_t width, int64_t x, int64_t y, int64_t wide, int64_t high) {
  Image image = plain(height, width, 0, 0, 0);
  image.narrow(0, y, high).narrow(1, x, wide).fill_(255);
  return image;
}

// The upright rectangle around the pixels that are brighter than `least`.
Region bright_part(const Image& image, int least = 127) {
  const at::Tensor bright = image.select(2, 0) > least;
  const at::Tensor rows = bright.any(1).nonzero().squeeze(1), columns = bright.any(0).nonzero().squeeze(1);
  const auto first = [](const at::Tensor& indices) { return static_cast<double>(indices.min().item<int64_t>()); };
  const auto last = [](const at::Tensor& indices) { return static_cast<double>(indices.max().item<int64_t>()); };
  return {first(columns), first(rows), last(columns) + 1 - first(columns), last(rows) + 1 - first(rows)};
}

struct Augmented {
  std::vector<Image> pictures;
  std::vector<Box> boxes;
};

Augmented augmented(Augmented sample, const std::vector<Augmentation>& augmentations, uint64_t seed) {
  augment(sample.pictures, sample.boxes, augmentations, seed);
  return sample;
}

// A white rectangle and its box.
Augmented white_sample() { return {{with_white(60, 80, 20, 10, 24, 16)}, {{3, {20, 10, 24, 16}, true}}}; }

TEST(Flip, MirrorsPictureAndRegion) {
  const Image image = with_white(6, 8, 1, 2, 3, 1);
  expect_region(bright_part(flipped(image, true, false)), {4, 2, 3, 1});
  expect_region(bright_part(flipped(image, false, true)), {1, 3, 3, 1});
  expect_region(bright_part(flipped(image, true, true)), {4, 3, 3, 1});
  EXPECT_TRUE(at::equal(flipped(gradient(6, 8), true, true), gradient(6, 8).flip({0, 1})));
  EXPECT_TRUE(at::equal(flipped(image, false, false), image));
  expect_region(flipped({1, 2, 3, 1}, 6, 8, true, false), {4, 2, 3, 1});
  expect_region(flipped({1, 2, 3, 1}, 6, 8, false, true), {1, 3, 3, 1});
}

TEST(Rotation, OfARightAngleIsExact) {
  const Image image = gradient(7, 7);
  EXPECT_TRUE(at::equal(rotated(image, 90), image.rot90(1, {0, 1})));
  EXPECT_TRUE(at::equal(rotated(image, 0), image));
  EXPECT_TRUE(at::equal(rotated(gradient(6, 8), 180), gradient(6, 8).flip({0, 1})));
  expect_region(rotated({1, 2, 3, 1}, 7, 7, 90), {2, 3, 1, 3});
  expect_region(bright_part(rotated(with_white(7, 7, 1, 2, 3, 1), 90)), {2, 3, 1, 3});
}

TEST(Rotation, TurnsCounterClockwiseAboutTheCentre) {
  // A dot right of the centre goes up.
  const Region dot = bright_part(rotated(with_white(61, 81, 70, 30, 1, 1), 30), 60);
  EXPECT_NEAR(dot.x + dot.width / 2, 40.5 + 30 * std::cos(M_PI / 6), 0.8);
  EXPECT_NEAR(dot.y + dot.height / 2, 30.5 - 30 * std::sin(M_PI / 6), 0.8);
}

TEST(Rotation, KeepsTheObjectInItsRegion) {
  for (const double degrees : {-170.0, -35.0, -10.0, 3.0, 10.0, 60.0}) {
    const Region region = rotated(Region{30, 20, 24, 16}, 80, 100, degrees);
    expect_region(bright_part(rotated(with_white(80, 100, 30, 20, 24, 16), degrees)), region, 1.5);
  }
}

TEST(Rotation, FillsWithBlack) {
  const Image turned = rotated(plain(40, 40, 200, 200, 200), 45);
  EXPECT_EQ(turned[0][0][0].item<int>(), 0);
  EXPECT_EQ(turned[20][20][0].item<int>(), 200);
}

TEST(CutOut, MovesTheRegion) {
  const Window window{2, 3, 10, 20};
  const Image part = cut_out(gradient(30, 40), window);
  EXPECT_TRUE(at::equal(part, gradient(30, 40).slice(0, 2, 12).slice(1, 3, 23)));
  EXPECT_TRUE(part.is_contiguous());
  expect_region(cut_out(Region{5, 5, 2, 2}, window), {2, 3, 2, 2});
}

TEST(Augment, BoxesFollowThePicture) {
  const std::vector<std::vector<Augmentation>> lists{
      {Flip{0.5, 0.5}}, {Crop{0.8}}, {Rotate{20}}, {Rotate{20}, Flip{0.5, 0.5}, Crop{0.95}}};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    for (const auto& augmentations : lists) {
      const Augmented sample = augmented(white_sample(), augmentations, seed);
      ASSERT_EQ(sample.boxes.size(), 1u);
      EXPECT_EQ(sample.boxes[0].label, 3);
      EXPECT_TRUE(sample.boxes[0].difficult);
      // The hull of a turned box that is flipped and cut is that of the object, but for pixels' corners.
      expect_region(sample.boxes[0].region, bright_part(sample.pictures[0]), 2);
    }
  }
}

TEST(Augment, CutsOffAndDropsBoxes) {
  const std::vector<Box> boxes{{0, {0, 0, 100, 100}}, {1, {0, 0, 1, 1}}, {2, {99, 99, 1, 1}}};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Augmented sample = augmented({{plain(100, 100, 1, 2, 3)}, boxes}, {Crop{0.5}}, seed);
    EXPECT_EQ(sample.pictures[0].sizes(), (at::IntArrayRef{50, 50, 3}));
    ASSERT_GE(sample.boxes.size(), 1u);
    EXPECT_LE(sample.boxes.size(), 2u);  // both corners cannot be seen
    EXPECT_EQ(sample.boxes[0].label, 0);
    expect_region(sample.boxes[0].region, {0, 0, 50, 50});
  }
}

TEST(Augment, IsAFunctionOfTheSeed) {
  const std::vector<Augmentation> all{Rotate{}, Flip{0.5, 0.5}, Crop{}, ColourJitter{}};
  const Augmented start{{gradient(40, 50)}, {{0, {5, 5, 10, 10}}}};
  const Augmented first = augmented(start, all, 3), again = augmented(start, all, 3), other = augmented(start, all, 4);
  EXPECT_TRUE(at::equal(first.pictures[0], again.pictures[0]));
  EXPECT_EQ(first.boxes.at(0).region.x, again.boxes.at(0).region.x);
  EXPECT_FALSE(at::equal(first.pictures[0], other.pictures[0]));
  EXPECT_TRUE(at::equal(start.pictures[0], gradient(40, 50)));  // unchanged
}

TEST(Augment, TreatsAllFramesAlike) {
  const Augmented sample = augmented({{gradient(40, 50), gradient(40, 50), gradient(40, 50)}, {}},
                                     {Rotate{}, Flip{0.5, 0.5}, Crop{}, ColourJitter{}}, 11);
  EXPECT_FALSE(at::equal(sample.pictures[0], gradient(40, 50)));
  for (const Image& frame : sample.pictures) EXPECT_TRUE(at::equal(frame, sample.pictures[0]));
}

TEST(Augment, DrawsOverTheWholeRange) {
  std::set<std::pair<bool, bool>> flips;
  double lowest = 90, highest = -90;
  std::set<int64_t> offsets;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    // Which corner has become the brightest in red and green tells the flip.
    const Image flip = augmented({{gradient(9, 9)}, {}}, {Flip{0.5, 0.5}}, seed).pictures[0];
    flips.insert({flip[0][0][0].item<int>() > 100, flip[0][0][1].item<int>() > 100});
    const Region box =
        augmented({{plain(101, 101, 0, 0, 0)}, {{0, {90, 50, 1, 1}}}}, {Rotate{30}}, seed).boxes.at(0).region;
    const double angle = std::atan2(50.5 - box.y - box.height / 2, box.x + box.width / 2 - 50.5) * 180 / M_PI;
    lowest = std::min(lowest, angle);
    highest = std::max(highest, angle);
    offsets.insert(std::lround(
        augmented({{plain(10, 10, 0, 0, 0)}, {{0, {5, 5, 1, 1}}}}, {Crop{0.8}}, seed).boxes.at(0).region.x));
  }
  EXPECT_EQ(flips.size(), 4u);
  EXPECT_LT(lowest, -25);
  EXPECT_GE(lowest, -30);
  EXPECT_GT(highest, 25);
  EXPECT_LE(highest, 30);
  EXPECT_EQ(offsets, (std::set<int64_t>{3, 4, 5}));
}

TEST(Augment, OfProbability0Or1IsCertain) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_TRUE(at::equal(augmented({{gradient(5, 6)}, {}}, {Flip{0, 0}}, seed).pictures[0], gradient(5, 6)));
    EXPECT_TRUE(at::equal(augmented({{gradient(5, 6)}, {}}, {Flip{1, 0}}, seed).pictures[0], gradient(5, 6).flip({1})));
  }
}

at::Tensor colour_after(const std::vector<ColourStep>& steps, int red, int green, int blue) {
  return recoloured(plain(2, 2, red, green, blue), steps)[1][1].to(at::kInt);
}

void expect_colour(const at::Tensor& colour, int red, int green, int blue) {
  EXPECT_NEAR(colour[0].item<int>(), red, 1);
  EXPECT_NEAR(colour[1].item<int>(), green, 1);
  EXPECT_NEAR(colour[2].item<int>(), blue, 1);
}

// Values by hand from torchvision's definitions; grey is 0.2989 R + 0.587 G + 0.114 B.
TEST(Recoloured, ChangesColoursAsTorchvision) {
  expect_colour(colour_after({}, 10, 20, 30), 10, 20, 30);
  expect_colour(colour_after({{ColourChange::brightness, 1.5}}, 100, 200, 40), 150, 255, 60);
  expect_colour(colour_after({{ColourChange::brightness, 0}}, 100, 200, 40), 0, 0, 0);
  // grey = 151.85
  expect_colour(colour_after({{ColourChange::contrast, 0.5}}, 100, 200, 40), 126, 176, 96);
  expect_colour(colour_after({{ColourChange::saturation, 0}}, 100, 200, 40), 152, 152, 152);
  expect_colour(colour_after({{ColourChange::saturation, 1.5}}, 100, 200, 40), 74, 224, 0);
  expect_colour(colour_after({{ColourChange::hue, 1.0 / 3}}, 200, 50, 50), 50, 200, 50);
  expect_colour(colour_after({{ColourChange::hue, -1.0 / 3}}, 200, 50, 50), 50, 50, 200);
  expect_colour(colour_after({{ColourChange::hue, 0.5}}, 120, 120, 120), 120, 120, 120);
}

TEST(Recoloured, TakesContrastFromTheWholePicture) {
  Image image = plain(1, 2, 0, 0, 0);
  image.select(1, 1).fill_(200);
  const Image grey = recoloured(image, {{ColourChange::contrast, 0}});
  EXPECT_NEAR(grey[0][0][0].item<int>(), 100, 1);
  EXPECT_NEAR(grey[0][1][2].item<int>(), 100, 1);
}

TEST(Recoloured, DependsOnTheOrder) {
  const ColourStep brighter{ColourChange::brightness, 2}, grey{ColourChange::saturation, 0};
  EXPECT_FALSE(at::equal(colour_after({brighter, grey}, 200, 10, 10), colour_after({grey, brighter}, 200, 10, 10)));
}

TEST(Augmentation, RefusesParametersOutOfRange) {
  const auto refusal = [](const Augmentation& augmentation) {
    return message_of(Fault::spec, [&] { check(augmentation); });
  };
  EXPECT_EQ(refusal(Rotate{-1}), "augmentation: the degrees of rotate must be 0 to 180, not -1");
  EXPECT_EQ(refusal(Flip{1.5, 0}), "augmentation: the horizontal probability of flip must be 0 to 1, not 1.5");
  EXPECT_EQ(refusal(Flip{0, NAN}), "augmentation: the vertical probability of flip must be 0 to 1, not nan");
  EXPECT_EQ(refusal(Crop{0}), "augmentation: the share of crop must be above 0 and at most 1, not 0");
  EXPECT_EQ(refusal(ColourJitter{0, 0, 0, 0.6}), "augmentation: the hue of jitter must be 0 to 0.5, not 0.6");
  for (const Augmentation& fine :
       {Augmentation(Rotate{180}), Augmentation(Flip{1, 1}), Augmentation(Crop{1}), Augmentation(ColourJitter{})}) {
    check(fine);
  }
}

}  // namespace
}  // namespace attune::test
