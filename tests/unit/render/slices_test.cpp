#include <gtest/gtest.h>

#include "pictures.h"
#include "render/heat.h"

namespace attune::test {
namespace {

std::vector<int64_t> indices(const std::vector<ChosenSlice>& slices) {
  std::vector<int64_t> result;
  for (const ChosenSlice& slice : slices) result.push_back(slice.index);
  return result;
}

std::vector<int64_t> hot_ones(const std::vector<ChosenSlice>& slices) {
  std::vector<int64_t> result;
  for (const ChosenSlice& slice : slices) {
    if (slice.hot) result.push_back(slice.index);
  }
  return result;
}

TEST(Slices, AreLinearBetweenTheStepsOfAMap) {
  at::Tensor map = at::zeros({2, 1, 2}, at::kDouble);
  map[1][0][1] = 1;
  const Slices slices(map, 4);
  const std::vector<double> expected = {0, 0.25, 0.75, 1};
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(slices.slice(i)[0][1].item<double>(), expected[static_cast<size_t>(i)]);
    EXPECT_DOUBLE_EQ(slices.slice(i)[0][0].item<double>(), 0);
  }
  const std::vector<double> strengths = slices.strengths(false);
  for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(strengths[i], expected[i]);
}

TEST(Slices, NegativeValuesAreHeatWhenSignsAreDrawn) {
  at::Tensor map = at::zeros({2, 2, 2}, at::kDouble);
  map[0][0][0] = -3;
  map[0][1][0] = 1;
  EXPECT_EQ(Slices(map, 2).strengths(false), (std::vector<double>{1, 0}));
  EXPECT_EQ(Slices(map, 2).strengths(true), (std::vector<double>{4, 0}));
}

TEST(ChooseSlices, ShowsTheHottestAndTheOthersEvenly) {
  std::vector<double> strengths(64, 0.0);
  strengths[50] = 3;
  strengths[10] = 2;
  const auto chosen = choose_slices(strengths, 8);
  EXPECT_EQ(hot_ones(chosen), (std::vector<int64_t>{10, 50}));
  EXPECT_EQ(indices(chosen), (std::vector<int64_t>{5, 10, 16, 26, 37, 48, 50, 58}));
}

TEST(ChooseSlices, DoesNotShowNeighboursOfTheHottestOnly) {
  std::vector<double> strengths(64, 0.0);
  for (size_t i = 28; i < 36; ++i) strengths[i] = 10 - std::abs(static_cast<double>(i) - 31);
  const std::vector<int64_t> hot = hot_ones(choose_slices(strengths, 8));
  ASSERT_GE(hot.size(), 2U);
  EXPECT_LE(hot.size(), 4U);
  for (size_t i = 1; i < hot.size(); ++i) EXPECT_GE(hot[i] - hot[i - 1], 4);
}

TEST(ChooseSlices, OfFewShowsAllInOrder) {
  EXPECT_EQ(indices(choose_slices({1, 5, 2}, 8)), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_TRUE(hot_ones(choose_slices({1, 5, 2}, 8)).empty());
  EXPECT_EQ(indices(choose_slices({1, 5, 2}, 2)), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(indices(choose_slices({1, 5, 2}, 1)), (std::vector<int64_t>{1}));
  EXPECT_EQ(choose_slices(std::vector<double>(100, 0.0), 99).size(), 99U);
}

}  // namespace
}  // namespace attune::test
