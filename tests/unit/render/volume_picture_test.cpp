#include "render/volume_picture.h"

#include <gtest/gtest.h>

#include "pictures.h"
#include "render/colormap.h"

namespace attune::test {
namespace {

// A cell of a contact sheet: three slices of 108 x 108 pixels.
constexpr int64_t kSide = 108;

Volume dark_volume(int64_t side = 36) {
  Volume volume;
  volume.grey = at::zeros({side, side, side}, at::kByte);
  return volume;
}

OverlayOptions shades_of_grey() {
  OverlayOptions options;
  options.colormap = "grey";
  options.alpha = 1;
  return options;
}

// The slice along one axis.
Image slice_of(const Image& cell, int64_t axis) {
  const int64_t pitch = (cell.size(0) - kSide) - (cell.size(0) - kSide - kSide - 4) / 2;  // of two captioned rows
  const int64_t top = axis == 2 ? pitch : 0, left = axis == 1 ? kSide + 4 : 0;
  return cell.narrow(0, top, kSide).narrow(1, left, kSide).contiguous();
}

TEST(VolumePicture, ShowsTheHeatWhereItIsAlongEachAxis) {
  at::Tensor map = at::zeros({9, 9, 9});
  map[1][4][7] = 1;
  const Image cell = volume_cell(dark_volume(), map, shades_of_grey());
  require_image(cell);
  const auto expect_at = [&](int64_t axis, double x, double y) {
    const Point centre = centre_of_mass(slice_of(cell, axis).select(2, 0).to(at::kDouble));
    EXPECT_NEAR(centre.x, x * 12 + 6, 2) << axis;
    EXPECT_NEAR(centre.y, y * 12 + 6, 2) << axis;
  };
  expect_at(0, 7, 4);
  expect_at(1, 7, 1);
  expect_at(2, 4, 1);
}

TEST(VolumePicture, OneValueHasOneGreyInAllSlices) {
  at::manual_seed(3);
  at::Tensor values = at::randn({30, 30, 30}) * 0.01;  // noise in most slices
  values.slice(0, 0, 3).fill_(1);                      // and a bright thing at the end
  values.slice(0, 14, 16).fill_(0.5);
  Volume volume;
  volume.grey = grey_levels(values, tones_of(values));
  const Image picture = volume_picture(volume, {}, {}, 30);
  // The slices along the first axis: under a heading, two rows of 15 with 112 pixels each and a line of text.
  const auto level = [&](int64_t slice) {
    const int64_t left = slice % 15 * (112 + 4), top = slice < 15 ? 30 : 30 + 112 + 21;
    return picture.narrow(0, top + 30, 60).narrow(1, left + 30, 50).to(at::kDouble);
  };
  EXPECT_NEAR(level(1).mean().item<double>(), 255, 2);
  EXPECT_NEAR(level(14).mean().item<double>(), 128, 6);
  EXPECT_NEAR(level(20).mean().item<double>(), 5, 6);
  EXPECT_LT(level(20).std().item<double>(), 5) << "noise is not stretched";
}

TEST(VolumePicture, WritesTheNumbersOfTheSlices) {
  Volume volume = dark_volume();
  const Image numbered = volume_picture(volume, {});
  volume.axes[0].reversed = true;
  const at::Tensor changed = difference(numbered, volume_picture(volume, {}));
  const Point centre = centre_of_mass(changed);
  EXPECT_GT(changed.sum().item<double>(), 0);
  EXPECT_LT(centre.y, static_cast<double>(numbered.size(0)) / 3) << "those of the first axis";
  EXPECT_LE((changed.sum(1) > 0).sum().item<int64_t>(), 16) << "one line of text";
}

TEST(VolumePicture, ShowsMoreSlicesOnDemand) {
  const Volume volume = dark_volume(20);
  const Image few = volume_picture(volume, {}, {}, 2), all = volume_picture(volume, {}, {}, 20);
  EXPECT_GT(all.size(1), few.size(1));
  EXPECT_GT(all.size(0) * all.size(1), 5 * few.size(0) * few.size(1));
}

TEST(VolumePicture, HasTheProportionsOfTheBody) {
  Volume volume;
  volume.grey = at::full({10, 40, 40}, 200, at::kByte);
  volume.axes[0].spacing = 4;
  const Image cell = volume_cell(volume, {});
  EXPECT_LE(largest_difference(slice_of(cell, 1), grey(kSide, kSide, 200)), 0) << "as high as wide";
}

TEST(VolumePicture, TakesVolumesOfAnyShape) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 1, 1}, {1, 64, 64}, {3, 200, 5}, {500, 2, 2}}) {
    Volume volume;
    volume.grey = at::zeros(shape, at::kByte);
    require_image(volume_picture(volume, at::ones({2, 2, 2})));
    require_image(volume_cell(volume, at::ones({1, 1, 1})));
  }
}

TEST(VolumePicture, RefusesWhatItCannotDraw) {
  EXPECT_EQ(fault_of([] { volume_picture(dark_volume(), at::ones({4, 4})); }), Fault::run);
  EXPECT_EQ(fault_of([] { volume_picture({}, at::ones({4, 4, 4})); }), Fault::run);
  EXPECT_EQ(fault_of([] { volume_picture(dark_volume(), {}, {}, 0); }), Fault::run);
}

}  // namespace
}  // namespace attune::test
