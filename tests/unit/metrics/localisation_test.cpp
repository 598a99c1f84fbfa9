// Maps against boxes, worked by hand.
#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>

#include "errors.h"
#include "metrics/measures.h"

namespace attune::test {
namespace {

at::Tensor boxes(const std::vector<double>& values) { return at::tensor(values, at::kDouble).view({-1, 4}); }

// [1,H,W]
at::Tensor map(int64_t width, const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).view({1, -1, width});
}

at::Tensor mask(int64_t width, const std::vector<double>& values) { return map(width, values).to(at::kBool); }

TEST(UnionOfBoxes, CoversPixelsOnce) {
  const at::Tensor covered = union_of_boxes(boxes({0, 0, 2, 1, 1, 0, 2, 2}), 3, 4);
  EXPECT_TRUE(at::equal(covered, mask(4, {1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0})[0])) << covered;
}

TEST(UnionOfBoxes, GoesByTheCentresOfPixels) {
  EXPECT_TRUE(at::equal(union_of_boxes(boxes({0.4, 0, 2.2, 1}), 1, 4), mask(4, {1, 1, 1, 0})[0]));
  EXPECT_TRUE(at::equal(union_of_boxes(boxes({0.6, 0, 1.8, 1}), 1, 4), mask(4, {0, 1, 0, 0})[0]));
  EXPECT_FALSE(union_of_boxes(boxes({0.6, 0, 0.8, 1}), 1, 4).any().item<bool>());
}

TEST(UnionOfBoxes, OfNoneIsEmpty) {
  const at::Tensor none = union_of_boxes(at::zeros({0, 4}), 2, 3);
  EXPECT_EQ(none.sizes(), (at::IntArrayRef{2, 3}));
  EXPECT_FALSE(none.any().item<bool>());
}

TEST(Rescaled, BringsEveryMapToItsOwnRange) {
  const at::Tensor maps = at::cat({map(2, {-1, 0, 1, 3}), map(2, {5, 5, 5, 5}), map(2, {0, 10, 0, 0})});
  const at::Tensor expected = at::cat({map(2, {0, 0.25, 0.5, 1}), map(2, {0, 0, 0, 0}), map(2, {0, 1, 0, 0})});
  EXPECT_TRUE(at::equal(rescaled(maps), expected)) << rescaled(maps);
}

TEST(AtSize, IsBilinear) {
  const at::Tensor large = at_size(at::tensor({0.0, 4.0}, at::kDouble).view({1, 1, 1, 2}), 2, 4);
  EXPECT_TRUE(at::allclose(large, map(4, {0, 1, 3, 4, 0, 1, 3, 4}))) << large;
}

TEST(Iou, IsTheShareOfTheUnion) {
  const at::Tensor one = map(4, {0, 0.6, 0.9, 1});  // three pixels
  EXPECT_DOUBLE_EQ(iou(one, mask(4, {1, 1, 0, 0})).item<double>(), 1.0 / 4);
  EXPECT_DOUBLE_EQ(iou(one, mask(4, {0, 1, 1, 1})).item<double>(), 1);
  EXPECT_DOUBLE_EQ(iou(one, mask(4, {1, 0, 0, 0})).item<double>(), 0);
  EXPECT_DOUBLE_EQ(iou(one, mask(4, {0, 0, 1, 1}), 0.8).item<double>(), 1);
}

TEST(Iou, LeavesOutTheThresholdItself) {
  EXPECT_DOUBLE_EQ(iou(map(3, {0, 1, 2}), mask(3, {0, 1, 1})).item<double>(), 0.5);
}

TEST(Iou, IsOfEverySample) {
  const at::Tensor maps = at::cat({map(2, {0, 1}), map(2, {3, 3}), map(2, {1, 0})});
  const at::Tensor truth = at::cat({mask(2, {0, 1}), mask(2, {1, 1}), mask(2, {0, 0})});
  const at::Tensor values = iou(maps, truth);
  EXPECT_DOUBLE_EQ(values[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(values[1].item<double>(), 0);      // constant
  EXPECT_TRUE(std::isnan(values[2].item<double>()));  // no box
  EXPECT_DOUBLE_EQ(mean_of_defined(values), 0.5);
}

TEST(PointingGame, HitsOrMisses) {
  const at::Tensor one = map(3, {0, 0, 0, 0, 0, 9, 0, 0, 0});
  EXPECT_DOUBLE_EQ(pointing_game(one, mask(3, {0, 0, 0, 0, 0, 1, 0, 0, 0})).item<double>(), 1);
  EXPECT_DOUBLE_EQ(pointing_game(one, mask(3, {1, 1, 1, 1, 1, 0, 1, 1, 1})).item<double>(), 0);
  EXPECT_DOUBLE_EQ(pointing_game(map(3, {2, 2, 2}), mask(3, {1, 1, 1})).item<double>(), 0);
  EXPECT_TRUE(std::isnan(pointing_game(one, mask(3, {0, 0, 0, 0, 0, 0, 0, 0, 0})).item<double>()));
}

TEST(PointingGame, ToleratesADistanceInPixels) {
  const at::Tensor one = map(3, {0, 0, 0, 0, 0, 9, 0, 0, 0});      // at row 1, column 2
  const at::Tensor corner = mask(3, {1, 0, 0, 0, 0, 0, 0, 0, 0});  // sqrt(5) away
  EXPECT_DOUBLE_EQ(pointing_game(one, corner, 2.2).item<double>(), 0);
  EXPECT_DOUBLE_EQ(pointing_game(one, corner, 2.3).item<double>(), 1);
}

TEST(Localisation, RefusesWhatDoesNotFit) {
  EXPECT_EQ(message_of(Fault::run,
                       [] {
                         iou(at::zeros({2, 2}), at::zeros({2, 2}));
                       }),
            "maps to be compared with boxes must be [N,H,W], not [2, 2]");
  EXPECT_EQ(message_of(Fault::run, [] { iou(map(1, {1}), map(1, {1})); }),
            "maps of the shape [1, 1, 1] need boolean masks of that shape, not CPUDoubleType [1, 1, 1]");
  EXPECT_EQ(message_of(Fault::run,
                       [] {
                         pointing_game(map(1, {1, 2}), mask(2, {1, 1}));
                       }),
            "maps of the shape [1, 2, 1] need boolean masks of that shape, not CPUBoolType [1, 1, 2]");
  EXPECT_EQ(message_of(Fault::run, [] { rescaled(map(1, {INFINITY})); }), "a map that is not finite finds nothing");
  EXPECT_EQ(message_of(Fault::run, [] { union_of_boxes(at::zeros({4}), 1, 1); }), "boxes must be [B,4], not [4]");
  EXPECT_EQ(message_of(Fault::run,
                       [] {
                         at_size(at::zeros({1, 2, 3, 3}), 4, 4);
                       }),
            "maps to be resized must be [N,1,H,W], not [1, 2, 3, 3]");
}

}  // namespace
}  // namespace attune::test
