// The public interface to pictures of maps.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <attune/report.h>
#include <attune/sdk/error.h>

#include "errors.h"
#include "folder.h"
#include "picture.h"

namespace attune::test {
namespace {

AttentionMap corner(int64_t rows) {
  AttentionMap map{at::zeros({rows, 1, 4, 4})};
  map.values.select(2, 0).select(2, 0).fill_(1);
  return map;
}

bool differs(const Image& a, const Image& b, int64_t y, int64_t x) { return !at::equal(a[y][x], b[y][x]); }

TEST(PublicOverlay, APhotoBecomesAnInputAndTheMapLiesOverWhatItShows) {
  const Image picture = plain(300, 600, 90, 120, 200);
  PhotoOptions options;
  options.crop = true;
  const Photo photo = make_photo(picture, options);
  EXPECT_EQ(photo.input.sizes(), (std::vector<int64_t>{3, 224, 224}));
  EXPECT_NEAR(photo.input[0][5][5].item<double>(), (90 / 255.0 - 0.485) / 0.229, 1e-5);
  EXPECT_NEAR(photo.seen[2], photo.seen[3], 3) << "a square";
  EXPECT_NEAR(photo.seen[0] + photo.seen[2] / 2, 300, 2) << "in the middle";
  const Image drawn = overlay(photo, corner(1));
  EXPECT_EQ(drawn.sizes(), picture.sizes());
  const auto left = static_cast<int64_t>(photo.seen[0]), top = static_cast<int64_t>(photo.seen[1]);
  EXPECT_TRUE(differs(drawn, picture, top + 10, left + 10));
  EXPECT_FALSE(differs(drawn, picture, 280, 300)) << "there is no heat";
}

TEST(PublicOverlay, AnImageIsSeenAsAWhole) {
  const Image picture = plain(40, 80, 90, 120, 200);
  EXPECT_TRUE(differs(overlay(picture, corner(1)), picture, 2, 2));
  AttentionMap rows = corner(2);
  rows.values[1].fill_(0);
  EXPECT_TRUE(at::equal(overlay(picture, rows, 1), picture));
}

TEST(PublicOverlay, ArraysAreDrawnAsTheProgramDrawsThem) {
  for (const at::Tensor& input :
       {at::rand({2, 64}), at::rand({3, 20, 30}), at::rand({3, 8, 16, 16}), at::rand({1, 8, 9, 10})}) {
    std::vector<int64_t> shape(static_cast<size_t>(input.dim()) + 1, 2);
    shape[0] = shape[1] = 1;
    EXPECT_EQ(overlay(input, AttentionMap{at::rand(shape)}).scalar_type(), at::kByte);
  }
}

TEST(PublicOverlay, TextStandsBelow) {
  const Image picture = plain(300, 300, 90, 120, 200);
  OverlayStyle style;
  style.method = "Grad-CAM (layer4)";
  style.label = "golden retriever";
  EXPECT_GT(overlay(picture, corner(1), 0, style).size(0), 300);
}

TEST(PublicOverlay, WhatCannotBeDrawnIsRefused) {
  const Image picture = plain(40, 80, 90, 120, 200);
  AttentionMap map = corner(1);
  EXPECT_EQ(message_of(Fault::run, [&] { overlay(picture, map, 1); }),
            "there is no row 1 [C,S1..Sd] in a map [1, 1, 4, 4]");
  EXPECT_EQ(message_of(Fault::run,
                       [&] {
                         overlay(picture, AttentionMap{at::ones({1, 1, 8})});
                       }),
            "a map [1, 8] cannot be drawn over an input [3, 1, 1]");
  map.values.fill_(std::numeric_limits<double>::quiet_NaN());
  message_of(Fault::run, [&] { overlay(picture, map); });
  OverlayStyle style;
  style.colormap = "rainbow";
  message_of(Fault::usage, [&] { overlay(picture, corner(1), 0, style); });
  message_of(Fault::run, [&] { overlay(at::zeros({3, 4, 4}, at::kInt), corner(1)); });
  PhotoOptions options;
  options.deviation = {0, 1, 1};
  message_of(Fault::usage, [&] { make_photo(picture, options); });
}

TEST(PublicOverlay, PhotosAreReadAndPicturesWritten) {
  const TemporaryFolder folder;
  const Image picture = plain(20, 30, 90, 120, 200);
  write_png(folder / "a.png", picture);
  EXPECT_TRUE(at::equal(read_photo(folder / "a.png").picture, picture));
}

}  // namespace
}  // namespace attune::test
