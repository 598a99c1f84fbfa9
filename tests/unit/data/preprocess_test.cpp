// From pictures to inputs: values computed by hand, and which part of the picture an input shows.
#include "data/preprocess.h"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "errors.h"
#include "picture.h"
#include "support.h"

namespace attune::test {
namespace {

Preprocess sized(int64_t height, int64_t width) {
  Preprocess preprocess;
  preprocess.size = {height, width};
  return preprocess;
}

Preprocess cropped(int64_t height, int64_t width, int64_t crop_resize = 0) {
  Preprocess preprocess = sized(height, width);
  preprocess.crop = true;
  preprocess.crop_resize = crop_resize;
  return preprocess;
}

// [H,W,3] in bytes -> [3,H,W] from 0 to 1.
at::Tensor unit_values(const Image& image) { return image.permute({2, 0, 1}).to(at::kFloat).div(255).contiguous(); }

std::string preprocess_refusal(const Preprocess& preprocess) {
  return message_of(Fault::usage, [&] { check(preprocess); });
}

TEST(Preprocess, UnitDividesBy255) {
  const Image image = gradient(5, 7);
  const at::Tensor input = preprocess(image, sized(5, 7));
  EXPECT_EQ(input.sizes(), (at::IntArrayRef{3, 5, 7}));
  EXPECT_EQ(input.scalar_type(), at::kFloat);
  EXPECT_TRUE(input.is_contiguous());
  EXPECT_TRUE(at::equal(input, unit_values(image)));
  EXPECT_EQ(Preprocess::unit().size, (std::array<int64_t, 2>{224, 224}));
  EXPECT_EQ(Preprocess::unit().mean, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(Preprocess::unit().std, (std::vector<double>{1, 1, 1}));
}

TEST(Preprocess, ImagenetSubtractsMeanAndDividesByDeviation) {
  const at::Tensor input = preprocess(plain(10, 20, 255, 128, 0), Preprocess::imagenet());
  EXPECT_EQ(input.sizes(), (at::IntArrayRef{3, 224, 224}));
  const double expected[] = {2.248908297, 0.205182073, -1.804444444};
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(input[c].min().item<double>(), expected[c], 1e-6);
    EXPECT_NEAR(input[c].max().item<double>(), expected[c], 1e-6);
  }
}

TEST(Preprocess, EveryChannelHasItsOwnMeanAndDeviation) {
  Preprocess own = sized(1, 1);
  own.mean = {0.5, 0, 1};
  own.std = {0.25, 2, 0.5};
  const at::Tensor input = preprocess(plain(1, 1, 51, 102, 204), own);  // 0.2, 0.4, 0.8
  EXPECT_NEAR(input[0].item<double>(), -1.2, 1e-6);
  EXPECT_NEAR(input[1].item<double>(), 0.2, 1e-6);
  EXPECT_NEAR(input[2].item<double>(), -0.4, 1e-6);
}

// Half the width: the triangle's weights are 3/7, 3/7, 1/7 at the left edge and mirrored at the right one.
TEST(Preprocess, SquashFilters) {
  Image row = plain(1, 4, 0, 0, 0);
  row[0][1].fill_(140);
  row[0][2].fill_(210);
  row[0][3].fill_(70);
  const at::Tensor expected = at::tensor({90, 140}, at::kFloat).div(255).expand({3, 1, 2});
  EXPECT_TRUE(at::equal(preprocess(row, sized(1, 2)), expected));
  EXPECT_TRUE(at::equal(preprocess(row.transpose(0, 1), sized(2, 1)), expected.transpose(1, 2)));
}

TEST(Preprocess, SquashShowsTheWholePicture) {
  expect_region(covered(100, 200, sized(224, 224)), {0, 0, 200, 100});
  expect_region(covered(7, 3, sized(2, 50)), {0, 0, 3, 7});
}

TEST(Preprocess, CropCutsTheCentre) {
  const Image image = gradient(128, 160);  // shorter side as it must be for 112: nothing is resized
  const Image centre = image.slice(0, 8, 120).slice(1, 24, 136);
  EXPECT_TRUE(at::equal(preprocess(image, cropped(112, 112)), unit_values(centre)));
  expect_region(covered(128, 160, cropped(112, 112)), {24, 8, 112, 112});
}

TEST(Preprocess, CropResizesTheShorterSideTo256) {
  expect_region(covered(100, 200, cropped(224, 224)), {56.25, 6.25, 87.5, 87.5});  // 256 x 512 from (16, 144)
  expect_region(covered(200, 100, cropped(224, 224)), {6.25, 56.25, 87.5, 87.5});
  expect_region(covered(512, 512, cropped(224, 224)), {32, 32, 448, 448});
}

TEST(Preprocess, CropShowsWhatItCovers) {
  Image image = plain(64, 128, 0, 0, 0);  // becomes 256 x 512: 16 and 144 around the centre, 4 and 36 of the picture
  image.slice(0, 4, 60).slice(1, 36, 92).fill_(255);
  const at::Tensor input = preprocess(image, cropped(224, 224));
  EXPECT_GT(input.min().item<float>(), 0.3F);
  EXPECT_TRUE(input.slice(1, 3, 221).slice(2, 3, 221).eq(1).all().item<bool>());
  EXPECT_LT(input[0][0][112].item<float>(), 1);  // the border is half in the frame around it
  EXPECT_LT(input[0][112][223].item<float>(), 1);
}

TEST(Preprocess, CropTakesTheSizeBeforeTheCut) {
  expect_region(covered(240, 480, cropped(100, 100, 120)), {140, 20, 200, 200});
  expect_region(covered(240, 480, cropped(100, 100, 100)), {120, 0, 240, 240});
}

// As torchvision does it: the longer side is cut off to whole pixels, half a pixel goes to the even one.
TEST(Preprocess, CropRoundsAsTorchvision) {
  EXPECT_NEAR(covered(3, 10, cropped(4, 4, 4)).x, 4 * 10.0 / 13, 1e-9);
  EXPECT_NEAR(covered(224, 225, cropped(224, 224, 224)).x, 0, 1e-9);
  EXPECT_NEAR(covered(224, 227, cropped(224, 224, 224)).x, 2, 1e-9);
  EXPECT_NEAR(covered(224, 229, cropped(224, 224, 224)).x, 2, 1e-9);
  EXPECT_NEAR(covered(341, 341, cropped(299, 299)).x, 21, 1e-9);  // 299 x 256/224 is 341.7
}

TEST(Preprocess, OblongCropsFillBothSides) {
  // 100 and 200 become 114 and 228 with their margins; the picture must reach both.
  expect_region(covered(100, 100, cropped(100, 200)), {14 / 2.28, 64 / 2.28, 200 / 2.28, 100 / 2.28});
  expect_region(covered(114, 228, cropped(100, 200)), {14, 7, 200, 100});
  // A width of 228, not of 228.6, makes the height 760.
  expect_region(covered(1000, 300, cropped(50, 200)), {14 / 0.76, 355 / 0.76, 200 / 0.76, 50 / 0.76});
  EXPECT_EQ(preprocess(gradient(30, 40), cropped(100, 200)).sizes(), (at::IntArrayRef{3, 100, 200}));
}

TEST(Preprocess, TakesExtremeShapes) {
  for (const auto& options : {sized(224, 224), cropped(224, 224)}) {
    EXPECT_TRUE(at::equal(preprocess(plain(1, 1, 51, 51, 51), options), at::full({3, 224, 224}, 0.2F)));
    for (const bool upright : {false, true}) {
      Image line = plain(20, 20000, 0, 0, 255);
      line.slice(1, 0, 10000).copy_(plain(20, 10000, 255, 0, 0));
      if (upright) line = line.transpose(0, 1);
      at::Tensor input = preprocess(line, options);
      if (upright) input = input.transpose(1, 2);
      EXPECT_TRUE(input[0].slice(1, 0, 100).eq(1).all().item<bool>());
      EXPECT_TRUE(input[0].slice(1, 124, 224).eq(0).all().item<bool>());
      EXPECT_TRUE(input[2].slice(1, 124, 224).eq(1).all().item<bool>());
    }
  }
  expect_region(covered(20, 20000, cropped(224, 224)), {9991.25, 1.25, 17.5, 17.5});
}

TEST(Preprocess, RefusesSizes) {
  const std::string rule = "preprocessing: the size must be 1 to 32768 pixels, not ";
  EXPECT_EQ(preprocess_refusal(sized(0, 5)), rule + "0");
  EXPECT_EQ(preprocess_refusal(sized(5, -3)), rule + "-3");
  EXPECT_EQ(preprocess_refusal(sized(32769, 5)), rule + "32769");
  EXPECT_NO_THROW(check(sized(1, 32768)));
}

TEST(Preprocess, RefusesCropsThatStickOut) {
  EXPECT_EQ(preprocess_refusal(cropped(100, 224, 200)),
            "preprocessing: the shorter side is resized to 200 before the crop of 100 x 224; it must be 224 to 32768");
  for (const int64_t side : {-1, 223, 40000})
    EXPECT_TRUE(contains(preprocess_refusal(cropped(224, 224, side)), "shorter side"));
  EXPECT_NO_THROW(check(cropped(224, 224, 224)));
  Preprocess unused = cropped(224, 224, 5);
  unused.crop = false;
  EXPECT_NO_THROW(check(unused));
}

TEST(Preprocess, RefusesMeanAndDeviation) {
  const auto with = [](std::vector<double> mean, std::vector<double> std) {
    Preprocess preprocess;
    preprocess.mean = std::move(mean);
    preprocess.std = std::move(std);
    return preprocess_refusal(preprocess);
  };
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(with({0, 0}, {1, 1, 1}), "preprocessing: mean needs one number, or three (red, green, blue), not 2");
  EXPECT_EQ(with({0, 0, 0}, {}), "preprocessing: std needs one number, or three (red, green, blue), not 0");
  EXPECT_EQ(with({0, 0, 0}, {1}), "preprocessing: mean and std need as many numbers as each other");
  EXPECT_EQ(with({0, nan, 0}, {1, 1, 1}), "preprocessing: mean must be finite");
  EXPECT_EQ(with({0, 0, 0}, {1, 1, infinity}), "preprocessing: std must be finite");
  EXPECT_EQ(with({0, 0, 0}, {1, 0, 1}), "preprocessing: std must be greater than 0");
  EXPECT_EQ(with({0, 0, 0}, {1, -1, 1}), "preprocessing: std must be greater than 0");
}

// The luminance that Pillow's convert("L") gives, before mean and deviation.
TEST(Preprocess, OneChannelIsLuminance) {
  Preprocess grey = sized(1, 1);
  grey.mean = {0.5};
  grey.std = {0.25};
  const std::array<int, 4> cases[] = {{255, 0, 0, 76}, {0, 255, 0, 150}, {0, 0, 255, 29}, {200, 100, 50, 124}};
  for (const auto& [red, green, blue, luminance] : cases) {
    const at::Tensor input = preprocess(plain(1, 1, red, green, blue), grey);
    ASSERT_EQ(input.sizes(), (at::IntArrayRef{1, 1, 1}));
    EXPECT_NEAR(input.item<float>(), (luminance / 255.0 - 0.5) / 0.25, 1e-6) << luminance;
  }
}

TEST(PreprocessRule, TheFirstThatSaysIt) {
  PreprocessText flag, sidecar;
  flag.size = {32, 48};
  sidecar.size = {299, 299};
  sidecar.crop = true;
  sidecar.mean = std::vector<double>{0.5, 0.4, 0.3};
  const Preprocess rule = preprocess_of({flag, sidecar}, {3, 224, 224});
  EXPECT_EQ(rule.size, (std::array<int64_t, 2>{32, 48}));
  EXPECT_TRUE(rule.crop);
  EXPECT_EQ(rule.mean, (std::vector<double>{0.5, 0.4, 0.3}));
  EXPECT_EQ(rule.std, Preprocess::imagenet().std);
}

TEST(PreprocessRule, ClipsHaveTheSizeOfTheModel) {
  EXPECT_EQ(preprocess_of({}, {3, 16, 112, 96}).size, (std::array<int64_t, 2>{112, 96}));
  EXPECT_EQ(preprocess_of({}, {3, 500, 400}).size, (std::array<int64_t, 2>{224, 224}));
  PreprocessText said;
  said.size = {64, 64};
  EXPECT_EQ(preprocess_of({said}, {3, 16, 112, 112}).size, (std::array<int64_t, 2>{64, 64}));
}

TEST(PreprocessRule, GivesAsManyChannelsAsTheModelHas) {
  const auto rule = [](const std::vector<double>& mean, int64_t channels) {
    PreprocessText said;
    said.mean = mean;
    said.std = std::vector<double>{0.25};
    return preprocess_of({said}, {channels, 224, 224});
  };
  EXPECT_EQ(rule({0.5}, 1).mean, std::vector<double>{0.5});
  EXPECT_EQ(rule({0.5}, 1).std, std::vector<double>{0.25});
  EXPECT_EQ(rule({0.5}, 3).mean, (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_EQ(rule({0.5}, 3).std, (std::vector<double>{0.25, 0.25, 0.25}));
  EXPECT_NEAR(rule({1, 0.5, 0}, 1).mean.at(0), 0.299 + 0.2935, 1e-12);
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         rule({0.5, 0.5}, 1);
                       }),
            "preprocessing: mean needs one number, or three (red, green, blue), not 2");
}

TEST(Preprocess, ChecksWhatItIsGiven) {
  message_of(Fault::usage, [] { preprocess(gradient(4, 4), sized(0, 4)); });
  message_of(Fault::run, [] { preprocess(at::zeros({4, 4}, at::kByte), sized(4, 4)); });
  message_of(Fault::run, [] { preprocess(at::zeros({4, 4, 3}), sized(4, 4)); });
}

}  // namespace
}  // namespace attune::test
