// resize() does what Pillow does, and filters keep what filters must keep.
#include <gtest/gtest.h>

#include "image/image.h"
#include "support.h"

namespace attune::test {
namespace {

// PIL.Image.fromarray(a).resize((width, height), PIL.Image.BILINEAR) for a = 5 * arange(40).reshape(5, 8).
const std::vector<int> kPillow2x2 = {49, 66, 129, 146};
const std::vector<int> kPillow3x5 = {19, 27, 35, 42, 50, 82, 90, 98, 105, 113, 145, 153, 161, 168, 176};
const std::vector<int> kPillow7x3 = {6,   18,  29,  29,  41,  52,  57,  69,  80,  86, 98,
                                     109, 115, 127, 138, 143, 155, 166, 166, 178, 189};

TEST(Resize, EqualsPillow) {
  const at::Tensor plane = (at::arange(40, at::kLong) * 5).to(at::kByte).view({5, 8, 1});
  const Image image = plane.expand({5, 8, 3}).contiguous();
  const auto red = [](const Image& picture) { return picture.select(2, 0).to(at::kInt).reshape(-1); };
  const auto expect = [&](int64_t height, int64_t width, const std::vector<int>& pillow) {
    const at::Tensor found = red(resize(image, height, width));
    for (size_t i = 0; i < pillow.size(); ++i) {
      EXPECT_EQ(found[static_cast<int64_t>(i)].item<int>(), pillow[i]) << height << 'x' << width << " at " << i;
    }
  };
  expect(2, 2, kPillow2x2);
  expect(3, 5, kPillow3x5);
  expect(7, 3, kPillow7x3);
}

TEST(Resize, LeavesTheSameSizeAlone) {
  const Image image = gradient(13, 29);
  EXPECT_TRUE(at::equal(resize(image, 13, 29), image));
}

TEST(Resize, APartIsAPartOfTheWhole) {
  const Image image = gradient(60, 90);
  const Image whole = resize(image, 31, 47), part = resize(image, 31, 47, {5, 9, 20, 30});
  EXPECT_TRUE(at::equal(part, whole.slice(0, 5, 25).slice(1, 9, 39)));
}

TEST(Resize, KeepsConstantPictures) {
  const Image image = at::full({9, 500, 3}, 201, at::kByte);
  for (auto [height, width] : {std::pair{1, 1}, {100, 3}, {4, 900}, {224, 224}}) {
    EXPECT_TRUE(at::equal(resize(image, height, width), at::full({height, width, 3}, 201, at::kByte)));
  }
}

TEST(Resize, RefusesNothingness) {
  const Image image = gradient(4, 4);
  message_of(Fault::run, [&] { resize(image, 0, 4); });
  message_of(Fault::run, [&] { resize(image, 4, -1); });
  message_of(Fault::run, [&] { resize(image, 4, 4, {2, 2, 3, 1}); });
}

TEST(Resample, WeightsSumToOneAndStayInside) {
  for (const Filter filter : {Filter::linear, Filter::cubic}) {
    for (const auto& [size, begin, end, count] :
         {std::tuple{13, 0.0, 13.0, 224}, {224, 0.0, 224.0, 13}, {1, 0.0, 1.0, 9}, {7, -30.0, 40.0, 100}}) {
      for (const Taps& taps : filter_taps(size, begin, end, count, filter)) {
        double sum = 0;
        for (double weight : taps.weights) sum += weight;
        EXPECT_NEAR(sum, 1, 1e-12);
        EXPECT_GE(taps.first, 0);
        EXPECT_LE(taps.first + static_cast<int64_t>(taps.weights.size()), size);
      }
    }
  }
}

TEST(Resample, CubicFollowsAStraightLine) {
  const at::Tensor line = at::arange(20, at::kFloat).view({1, 20});
  const at::Tensor fine =
      resample(line, filter_taps(1, 0, 1, 1, Filter::cubic), filter_taps(20, 0, 20, 100, Filter::cubic));
  for (int64_t i = 15; i < 85; ++i)
    EXPECT_NEAR(fine[0][i].item<float>(), (static_cast<float>(i) + 0.5) / 5 - 0.5, 1e-4);
}

}  // namespace
}  // namespace attune::test
