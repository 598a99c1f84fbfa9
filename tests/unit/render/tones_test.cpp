#include <gtest/gtest.h>

#include "pictures.h"
#include "render/colormap.h"

namespace attune::test {
namespace {

void expect_tones(const Tones& tones, double black, double white) {
  EXPECT_NEAR(tones.black, black, 1e-6);
  EXPECT_NEAR(tones.white, white, 1e-6);
}

TEST(Tones, OfFewValuesAreTheLeastAndTheGreatest) {
  expect_tones(tones_of(at::arange(1, 101, at::kFloat)), 1, 100);
  expect_tones(tones_of(at::tensor({-1.0F, 5.0F})), -1, 5);
}

TEST(Tones, OfManyValuesAreNotThoseOfAFewOutliers) {
  at::Tensor volume = at::arange(0, 64000, at::kFloat).div(64000).view({40, 40, 40}).clone();
  volume[3][4][5] = 1e6;
  volume[7][8][9] = -1e6;
  const Tones tones = tones_of(volume);
  EXPECT_NEAR(tones.black, 0, 0.002);
  EXPECT_NEAR(tones.white, 1, 0.002);
}

TEST(Tones, ASmallThingInAnEmptyVolumeIsSeen) {
  at::Tensor volume = at::zeros({40, 40, 40});
  volume[20][20][20] = 3;
  expect_tones(tones_of(volume), 0, 3);
}

TEST(Tones, OfBothSignsHaveZeroInTheMiddle) {
  expect_tones(tones_of(at::tensor({-2.0F, 0.0F, 1.5F})), -2, 2);
  EXPECT_EQ(grey_levels(at::zeros({1}), {-2, 2}).item<int>(), 128);
  expect_tones(tones_of(at::tensor({-0.3F, 0.0F, 3.0F})), -0.3, 3);
}

TEST(Tones, OfOneValueAreTwo) {
  const Tones tones = tones_of(at::full({5}, 7.0));
  EXPECT_LT(tones.black, tones.white);
}

TEST(GreyLevels, GoFromBlackToWhite) {
  const at::Tensor levels = grey_levels(at::tensor({-9.0F, 1.0F, 2.0F, 3.0F, 9.0F}), {1, 3});
  EXPECT_TRUE(at::equal(levels, at::tensor({0, 0, 128, 255, 255}, at::kByte)));
  EXPECT_TRUE(at::equal(grey_levels(at::tensor({-3e38F, 3e38F}), {-3e38, 3e38}), at::tensor({0, 255}, at::kByte)));
}

TEST(TensorPicture, HasThreeChannelsAsColoursAndOthersAsGrey) {
  at::Tensor values = at::zeros({3, 2, 4});
  values[0] += 1;
  const Image red = tensor_picture(values, {0, 1});
  require_image(red);
  EXPECT_EQ(red.sizes(), at::IntArrayRef({2, 4, 3}));
  EXPECT_LE(largest_difference(red, plain(2, 4, 255, 0, 0)), 0);
  values = at::zeros({4, 2, 4});
  values[0] += 1;
  EXPECT_LE(largest_difference(tensor_picture(values, {0, 1}), grey(2, 4, 64)), 0);
}

}  // namespace
}  // namespace attune::test
