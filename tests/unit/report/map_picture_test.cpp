#include "report/map_picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "picture.h"

namespace attune::test {
namespace {

Sample tensor_sample(const at::Tensor& input) {
  Sample sample;
  sample.path = "input.npy";
  sample.input = input;
  return sample;
}

Sample video_sample(int64_t frames) {
  Sample sample = tensor_sample(at::zeros({3, frames, 16, 16}));
  for (int64_t i = 0; i < frames; ++i) sample.pictures.push_back(plain(90, 120, 60, 60, 60));
  sample.region = {0, 0, 120, 90};
  return sample;
}

MapPicture draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& heat,
                std::optional<int64_t> shown = {}) {
  PictureStyle style;
  style.heat = heat;
  style.shown = shown;
  return map_picture(sample, map, at_input_resolution, style);
}

bool same(const Image& a, const Image& b) { return a.sizes() == b.sizes() && at::equal(a, b); }

TEST(MapPicture, InputsOfEveryRankHaveAPicture) {
  for (const at::Tensor& input : {at::rand({2, 64}), at::rand({3, 20, 30}), at::rand({1, 8, 9, 10}),
                                  at::rand({3, 8, 16, 16}), at::rand({4, 8, 9, 10})}) {
    const Sample sample = tensor_sample(input);
    EXPECT_TRUE(has_picture(sample));
    require_image(input_picture(sample).image);
    require_image(input_picture(sample).cell);
    std::vector<int64_t> coarse(static_cast<size_t>(input.dim()), 2);
    coarse[0] = 1;
    for (const at::Tensor& map : {at::rand(coarse), at::rand_like(input) - 0.5}) {
      for (const bool signed_ : {false, true}) {
        OverlayOptions options;
        options.signed_ = signed_;
        const MapPicture drawing = draw(sample, map, map.sizes() == input.sizes(), options);
        require_image(drawing.image);
        require_image(drawing.cell);
        EXPECT_TRUE(input.dim() == 3 || drawing.cell.size(1) <= 224);
      }
    }
  }
  EXPECT_FALSE(has_picture(tensor_sample(at::rand({7}))));
}

TEST(MapPicture, AMapAlongOneAxisIsNotDrawnOverAPicture) {
  Sample sample = tensor_sample(at::zeros({3, 32, 32}));
  sample.pictures = {plain(40, 60, 10, 20, 30)};
  sample.region = {0, 0, 60, 40};
  const MapPicture drawing = draw(sample, at::ones({1, 8}), false, {});
  EXPECT_FALSE(drawing.image.defined());
  EXPECT_FALSE(drawing.cell.defined());
  EXPECT_FALSE(draw(tensor_sample(at::rand({7})), at::ones({7}), true, {}).image.defined());
}

TEST(MapPicture, OneValueHasOneGreyInAllFramesOfATensor) {
  at::Tensor clip = at::rand({3, 8, 32, 32}) * 0.01;
  clip.select(1, 0).fill_(1);
  const Sample sample = tensor_sample(clip);
  const Image strip = draw(sample, at::zeros({1, 8, 4, 4}), false, {}).image;
  // Eight frames of 96 pixels side by side.
  const auto level = [&](int64_t frame) {
    return strip.narrow(0, 20, 50).narrow(1, frame * 100 + 20, 50).to(at::kDouble).mean().item<double>();
  };
  EXPECT_NEAR(level(0), 255, 1);
  for (const int64_t noise : {1, 4, 7}) EXPECT_LT(level(noise), 4);
}

TEST(MapPicture, ThreeChannelsAreFramesAndOthersSlices) {
  const at::Tensor map = at::ones({1, 2, 2, 2});
  const Image frames = draw(tensor_sample(at::rand({3, 16, 16, 16})), map, false, {}).image;
  const Image slices = draw(tensor_sample(at::rand({1, 16, 16, 16})), map, false, {}).image;
  EXPECT_GT(slices.size(0), 2 * frames.size(0)) << "along three axes";
}

TEST(MapPicture, StripsHaveTheFramesThatAreAskedFor) {
  const Sample sample = video_sample(20);
  const at::Tensor map = at::ones({1, 5, 4, 4});
  const auto columns = [&](std::optional<int64_t> shown) {
    return (draw(sample, map, false, {}, shown).image.size(1) + 4) / 124;
  };
  EXPECT_EQ(columns({}), 8);
  EXPECT_EQ(columns(3), 3);
  EXPECT_EQ(columns(std::numeric_limits<int64_t>::max()), 7) << "in three rows";
}

TEST(MapPicture, FramesHaveTimesOrNumbers) {
  Sample sample = video_sample(4);
  const at::Tensor map = at::zeros({1, 4, 4, 4});
  const Image numbered = draw(sample, map, false, {}).image;
  sample.times = {0.5, 1.5, 2.5, 3.5};
  const Image timed = draw(sample, map, false, {}).image;
  EXPECT_EQ(numbered.sizes(), timed.sizes());
  EXPECT_FALSE(same(numbered, timed));
  sample.times[3] = 4.5;
  const Image later = draw(sample, map, false, {}).image;
  EXPECT_FALSE(same(later, timed));
  EXPECT_TRUE(same(later.narrow(1, 0, 300).contiguous(), timed.narrow(1, 0, 300).contiguous()));
}

TEST(MapPicture, GradientsOfTensorsWithoutPicturesAreDrawnByTheirSize) {
  at::Tensor gradient = at::zeros({1, 8, 8, 8});
  gradient[0][4][4][4] = -1;
  const Sample sample = tensor_sample(at::zeros({1, 8, 8, 8}));
  const auto is_hot = [](const Image& image) {
    const at::Tensor values = image.to(at::kInt);  // far from grey, as words are not
    return (values.select(2, 0) - values.select(2, 2)).abs().gt(20).any().item<bool>();
  };
  EXPECT_TRUE(is_hot(draw(sample, gradient, true, {}).image));
  EXPECT_FALSE(is_hot(draw(sample, gradient, false, {}).image)) << "a layer's negative values are no heat";
}

Sample photo_sample(int64_t channels) {
  Sample sample = tensor_sample(at::zeros({channels, 32, 32}));
  sample.pictures = {plain(40, 60, 10, 200, 30)};
  sample.region = {0, 0, 60, 40};
  return sample;
}

// Occlusion, FullGrad, relevances of which one number is left for each pixel.
TEST(MapPicture, AMapOfOneChannelIsHeatOverThePhotoAtAnyResolution) {
  const Sample sample = photo_sample(3);
  at::Tensor map = at::zeros({1, 32, 32});
  map.slice(2, 0, 16) = 1;
  map.slice(2, 16, 32) = -1;
  const MapPicture fine = draw(sample, map, true, {});
  EXPECT_TRUE(same(fine.image, draw(sample, map, false, {}).image));
  EXPECT_EQ(fine.colours, "inferno");
  EXPECT_EQ(fine.full, 1);
  const auto pixel = [](const Image& image, int64_t x) { return image[20][x].to(at::kInt); };
  EXPECT_FALSE(at::equal(pixel(fine.image, 10), pixel(sample.pictures[0], 10)));
  EXPECT_TRUE(at::equal(pixel(fine.image, 50), pixel(sample.pictures[0], 50))) << "what speaks against is no heat";
  OverlayOptions with_signs;
  with_signs.signed_ = true;
  const MapPicture both = draw(sample, map, true, with_signs);
  EXPECT_EQ(both.colours, "blue_red");
  EXPECT_FALSE(at::equal(pixel(both.image, 50), pixel(sample.pictures[0], 50)));
}

TEST(MapPicture, AGradientOfAGreyPhotoIsHeatByItsSize) {
  const Sample sample = photo_sample(1);
  const at::Tensor map = at::rand({1, 32, 32});
  EXPECT_TRUE(same(draw(sample, -map, true, {}).image, draw(sample, map, true, {}).image));
  EXPECT_EQ(draw(sample, map, true, {}).colours, "inferno");
}

TEST(MapPicture, AGradientOfColoursIsAPictureOfItsOwn) {
  const MapPicture drawing = draw(photo_sample(3), at::randn({3, 32, 32}), true, {});
  EXPECT_EQ(drawing.colours, "");
  EXPECT_NEAR(drawing.image.to(at::kDouble).mean().item<double>(), 128, 10);
}

}  // namespace
}  // namespace attune::test
