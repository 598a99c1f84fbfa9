#include "demo/pictures.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {
namespace {

bool same_boxes(const DemoPicture& a, const DemoPicture& b) {
  return std::equal(a.boxes.begin(), a.boxes.end(), b.boxes.begin(), b.boxes.end(),
                    [](const DemoBox& left, const DemoBox& right) {
                      return left.label == right.label && left.x == right.x && left.y == right.y &&
                             left.width == right.width && left.height == right.height;
                    });
}

TEST(DemoPictures, AreUint8RgbOfTheSizeAskedFor) {
  const DemoPicture picture = demo_picture(3, 50);
  EXPECT_EQ(picture.image.scalar_type(), at::kByte);
  EXPECT_EQ(picture.image.sizes(), (std::vector<int64_t>{50, 50, 3}));
  EXPECT_TRUE(picture.image.is_contiguous());
}

TEST(DemoPictures, SameSeedGivesTheSamePicture) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{41}, ~uint64_t{0}}) {
    const DemoPicture first = demo_picture(seed, 64), second = demo_picture(seed, 64);
    EXPECT_TRUE(at::equal(first.image, second.image)) << seed;
    EXPECT_TRUE(same_boxes(first, second)) << seed;
  }
}

TEST(DemoPictures, NeighbouringSeedsDiffer) {
  EXPECT_FALSE(at::equal(demo_picture(1, 64).image, demo_picture(2, 64).image));
}

TEST(DemoPictures, SameSceneAtEverySize) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const DemoPicture small = demo_picture(seed, 96), large = demo_picture(seed, 192);
    ASSERT_EQ(small.boxes.size(), large.boxes.size()) << seed;
    for (size_t i = 0; i < small.boxes.size(); ++i) {
      const DemoBox &a = small.boxes[i], &b = large.boxes[i];
      EXPECT_EQ(a.label, b.label) << seed;
      EXPECT_NEAR(2 * a.x, b.x, 2) << seed;
      EXPECT_NEAR(2 * a.y, b.y, 2) << seed;
      EXPECT_NEAR(2 * a.width, b.width, 4) << seed;
      EXPECT_NEAR(2 * a.height, b.height, 4) << seed;
    }
    const at::Tensor halved = large.image.to(at::kFloat).reshape({96, 2, 96, 2, 3}).mean(at::IntArrayRef{1, 3});
    EXPECT_LT((halved - small.image.to(at::kFloat)).abs().mean().item<float>(), 4) << seed;
  }
}

TEST(DemoPictures, BoxesLieInsideAndHoldSomething) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const DemoPicture picture = demo_picture(seed, 96);
    EXPECT_GE(picture.boxes.size(), 1U) << seed;
    EXPECT_LE(picture.boxes.size(), 3U) << seed;
    for (const DemoBox& box : picture.boxes) {
      EXPECT_GE(box.width, 8) << seed;
      EXPECT_GE(box.height, 8) << seed;
      EXPECT_GE(box.x, 0) << seed;
      EXPECT_GE(box.y, 0) << seed;
      EXPECT_LE(box.x + box.width, 96) << seed;
      EXPECT_LE(box.y + box.height, 96) << seed;
    }
  }
}

TEST(DemoPictures, ObjectsAreOfDifferentClassesAndEveryClassOccurs) {
  std::set<int> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::set<int> here;
    for (const DemoBox& box : demo_picture(seed, 32).boxes) {
      EXPECT_TRUE(here.insert(box.label).second) << seed;
    }
    seen.merge(here);
  }
  const auto classes = static_cast<int>(demo_labels().size());
  EXPECT_EQ(seen.size(), demo_labels().size());
  EXPECT_EQ(*seen.begin(), 0);
  EXPECT_EQ(*seen.rbegin(), classes - 1);
}

TEST(DemoPictures, RefuseOtherSizes) {
  for (const int size : {-1, 0, 31, 2049}) {
    try {
      demo_picture(0, size);
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_NE(std::string(error.what()).find(std::to_string(size)), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace attune
