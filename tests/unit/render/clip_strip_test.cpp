#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include "pictures.h"
#include "render/overlay.h"

namespace attune::test {
namespace {

constexpr Region kAll{0, 0, 60, 40};

// Frame i has level 10 + 6 * i.
std::vector<Image> frames(int count) {
  std::vector<Image> result;
  for (int i = 0; i < count; ++i) result.push_back(grey(40, 60, 10 + 6 * i));
  return result;
}

// The numbers of the frames in a strip of frames without heat.
std::vector<int> shown(const Image& strip) {
  std::vector<int> result;
  const int64_t y = strip.size(0) / 2;
  int64_t run = 0;
  for (int64_t x = 1; x < strip.size(1); ++x) {
    run = channel(strip, y, x, 0) == channel(strip, y, x - 1, 0) ? run + 1 : 0;
    const int level = channel(strip, y, x, 0);
    if (run == 50 && level < 250) result.push_back((level - 10) / 6);
  }
  return result;
}

OverlayOptions shades() {
  OverlayOptions options;
  options.colormap = "grey";
  options.alpha = 1;
  return options;
}

TEST(ClipStrip, ShowsAllFramesOfAShortClipSideBySide) {
  const Image strip = clip_strip(frames(3), at::zeros({3, 4, 4}), kAll);
  require_image(strip);
  EXPECT_GE(strip.size(1), 3 * 60);
  EXPECT_GE(strip.size(0), 40);
  EXPECT_EQ(shown(strip), (std::vector<int>{0, 1, 2}));
}

TEST(ClipStrip, ChoosesEvenly) {
  const std::vector<int> chosen = shown(clip_strip(frames(30), at::zeros({30, 4, 4}), kAll));
  ASSERT_EQ(chosen.size(), 8u);
  for (size_t i = 1; i < chosen.size(); ++i) {
    EXPECT_GE(chosen[i] - chosen[i - 1], 3);
    EXPECT_LE(chosen[i] - chosen[i - 1], 5);
  }
  EXPECT_LE(chosen.front(), 2);
  EXPECT_GE(chosen.back(), 27);
  StripOptions three;
  three.shown = 3;
  EXPECT_EQ(shown(clip_strip(frames(30), at::zeros({30, 4, 4}), kAll, {}, three)).size(), 3u);
  EXPECT_EQ(shown(clip_strip(frames(1), at::zeros({1, 4, 4}), kAll)), std::vector<int>{0});
}

// The brightest level in each third of a strip of three frames.
std::vector<int> peaks(const Image& strip) {
  std::vector<int> result;
  const int64_t row = strip.size(0) / 2;
  for (int64_t i = 0; i < 3; ++i) result.push_back(channel(strip, row, strip.size(1) * (2 * i + 1) / 6, 0));
  return result;
}

TEST(ClipStrip, DrawsAllFramesOnOneScale) {
  at::Tensor map = at::ones({3, 4, 4});
  map[1] *= 0.5;
  map[2] *= 0;
  const std::vector<Image> dark(3, grey(40, 60, 0));
  const std::vector<int> levels = peaks(clip_strip(dark, map, kAll, shades()));
  EXPECT_GE(levels[0], 253);
  EXPECT_LT(levels[1], 200);
  EXPECT_GT(levels[1], 20);
  EXPECT_EQ(levels[2], 0);
}

TEST(ClipStrip, TakesMapsWithFewerStepsThanFrames) {
  at::Tensor map = at::zeros({2, 4, 4});
  map[1] += 1;
  const std::vector<Image> dark(3, grey(40, 60, 0));
  const std::vector<int> levels = peaks(clip_strip(dark, map, kAll, shades()));
  EXPECT_LT(levels[0], 20);
  EXPECT_GE(levels[2], 253);
  const std::vector<int> constant = peaks(clip_strip(dark, at::ones({1, 4, 4}), kAll, shades()));
  EXPECT_GE(*std::min_element(constant.begin(), constant.end()), 253);
}

TEST(ClipStrip, AllFramesTakeSeveralRows) {
  StripOptions all;
  all.shown = 1000;
  const Image one = clip_strip(frames(8), at::zeros({8, 4, 4}), kAll, {}, all);
  const Image strip = clip_strip(frames(20), at::zeros({20, 4, 4}), kAll, {}, all);
  const int64_t row = one.size(0), pitch = row + 4;
  ASSERT_EQ(strip.size(0), 2 * pitch + row) << "three rows of seven, seven and six";
  std::vector<int> found;
  for (int64_t i = 0; i < 3; ++i) {
    for (const int frame : shown(strip.narrow(0, i * pitch, row).contiguous())) found.push_back(frame);
  }
  std::vector<int> expected(20);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(found, expected);
}

TEST(ClipStrip, WritesTheTimesUnderTheFrames) {
  StripOptions timed, other;
  timed.captions = {"0.00 s", "0.25 s", "0.50 s"};
  other.captions = {"0.00 s", "0.35 s", "0.50 s"};
  const Image without = clip_strip(frames(3), at::zeros({3, 4, 4}), kAll);
  const Image with = clip_strip(frames(3), at::zeros({3, 4, 4}), kAll, {}, timed);
  EXPECT_GT(with.size(0), without.size(0));
  EXPECT_TRUE(at::equal(with.narrow(0, 0, without.size(0)), without)) << "the frames are as they were";
  const at::Tensor changed = difference(with, clip_strip(frames(3), at::zeros({3, 4, 4}), kAll, {}, other));
  const Point centre = centre_of_mass(changed);
  EXPECT_NEAR(centre.x, static_cast<double>(with.size(1)) / 2, 15) << "under the second frame";
  EXPECT_GT(centre.y, static_cast<double>(without.size(0)));
}

TEST(ClipStrip, TakesNoMap) { EXPECT_EQ(shown(clip_strip(frames(3), {}, kAll)), (std::vector<int>{0, 1, 2})); }

TEST(ClipStrip, ShrinksLargeFramesWithTheirRegion) {
  const std::vector<Image> dark(1, grey(800, 1200, 0));
  at::Tensor map = at::zeros({1, 4, 4});
  map[0][1][2] = 1;
  const Image strip = clip_strip(dark, map, {600, 0, 600, 800}, shades());
  ASSERT_EQ(strip.size(1), 480);
  const Point centre = centre_of_mass(difference(strip, grey(strip.size(0), strip.size(1), 0)));
  EXPECT_NEAR(centre.x, 480 * (600 + 600 * 2.5 / 4) / 1200, 3);
  EXPECT_NEAR(centre.y, 320 * 1.5 / 4, 3);
}

TEST(ClipStrip, RefusesWhatItCannotDraw) {
  at::Tensor map = at::ones({3, 4, 4});
  EXPECT_EQ(fault_of([&] { clip_strip(frames(3), map[0], kAll); }), Fault::run);
  map[2][1][1] = std::nan("");
  EXPECT_EQ(fault_of([&] { clip_strip(frames(3), map, kAll); }), Fault::run);
}

}  // namespace
}  // namespace attune::test
