#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "matchers.h"

namespace attune {
namespace {

using test::match;
using test::seeded;

// x with every line along `axis` multiplied by a matrix [out,in].
at::Tensor along(const at::Tensor& x, int64_t axis, const at::Tensor& matrix) {
  return at::tensordot(x, matrix, {axis}, {1}).movedim(-1, axis);
}

at::Tensor interpolation(int64_t from, int64_t to, bool align_corners) {
  at::Tensor matrix = at::zeros({to, from}, at::kDouble);
  auto weight = matrix.accessor<double, 2>();
  for (int64_t i = 0; i < to; ++i) {
    const double ratio = align_corners ? double(from - 1) / double(to - 1) : double(from) / double(to);
    const double place = align_corners ? double(i) * ratio : std::max((double(i) + 0.5) * ratio - 0.5, 0.0);
    const int64_t below = std::min(static_cast<int64_t>(place), from - 1), above = std::min(below + 1, from - 1);
    weight[i][below] += 1 - (place - double(below));
    weight[i][above] += place - double(below);
  }
  return matrix;
}

at::Tensor smoothing(int64_t extent, double sigma) {
  at::Tensor matrix = at::zeros({extent, extent}, at::kDouble);
  auto weight = matrix.accessor<double, 2>();
  for (int64_t i = 0; i < extent; ++i) {
    double total = 0;
    for (int64_t j = 0; j < extent; ++j) {
      if (double(std::abs(i - j)) > std::ceil(4 * sigma)) continue;
      total += weight[i][j] = std::exp(-double((i - j) * (i - j)) / (2 * sigma * sigma));
    }
    for (int64_t j = 0; j < extent; ++j) weight[i][j] /= total;
  }
  return matrix;
}

TEST(Upsample, InterpolatesEveryAxis) {
  for (const double sigma : {0.0, 0.3, 0.8}) {
    for (const bool align : {false, true}) {
      for (const test::Tensors& maps : test::small_and_large()) {
        at::Tensor expected = maps[0];
        for (int64_t axis = 2; axis < expected.dim(); ++axis) {
          if (sigma > 0) expected = along(expected, axis, smoothing(maps[0].size(axis), sigma));
          expected = along(expected, axis, interpolation(maps[0].size(axis), maps[1].size(axis), align));
        }
        const MatchedPairs pairs = match("upsample", {{"smooth", sigma}, {"align_corners", align}}, maps);
        EXPECT_TRUE(at::allclose(pairs[0].first.values, expected, 1e-10, 1e-12)) << maps[0].sizes() << align << sigma;
        EXPECT_TRUE(pairs[0].second.values.is_same(maps[1]));
        EXPECT_TRUE(pairs[0].first.at_input_resolution);
      }
    }
  }
}

TEST(Upsample, SmoothsWithinFourSigma) {
  const at::Tensor small = seeded({2, 1, 9}, 4), large = seeded({2, 1, 20}, 5);
  const at::Tensor expected = along(along(small, 2, smoothing(9, 0.8)), 2, interpolation(9, 20, false));
  const at::Tensor map = match("upsample", {{"smooth", 0.8}}, {small, large})[0].first.values;
  EXPECT_TRUE(at::allclose(map, expected, 1e-12, 1e-13));
}

TEST(Upsample, LeavesMapsOfTheLargestSizeAndPairsAll) {
  const at::Tensor small = seeded({1, 1, 2, 2}, 1), large = seeded({1, 1, 4, 4}, 2), other = seeded({1, 1, 4, 4}, 3);
  const MatchedPairs pairs = match("upsample", {{"smooth", 1.0}}, {large, small, other});
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_TRUE(pairs[1].first.values.is_same(large) && pairs[1].second.values.is_same(other));
  EXPECT_TRUE(pairs[0].first.values.is_same(large));
  EXPECT_TRUE(at::equal(pairs[0].second.values, pairs[2].first.values));
  EXPECT_FALSE(at::equal(pairs[0].second.values, match("upsample", {}, {large, small})[0].second.values));
}

TEST(Upsample, KeepsConstantMapsAndIgnoresVanishingSmoothing) {
  const at::Tensor large = seeded({1, 1, 8, 9}, 1), flat = at::full({1, 1, 3, 4}, 0.7, at::kDouble);
  const at::Tensor map = match("upsample", {{"smooth", 64.0}}, {flat, large})[0].first.values;
  EXPECT_TRUE(at::allclose(map, at::full_like(map, 0.7)));
  const at::Tensor small = seeded({1, 1, 3, 4}, 2).to(at::kFloat), wide = large.to(at::kFloat);
  EXPECT_TRUE(at::equal(match("upsample", {{"smooth", 1e-300}}, {small, wide})[0].first.values,
                        match("upsample", {}, {small, wide})[0].first.values));
}

TEST(Upsample, BatchAndDerivatives) {
  test::expect_matcher_properties("upsample", {}, test::small_and_large());
  test::expect_matcher_properties("upsample", {{"smooth", 0.7}, {"align_corners", true}}, test::small_and_large());
}

TEST(Upsample, RefusesOtherRanksAndChannels) { test::expect_refuses_other_ranks_and_channels("upsample"); }

}  // namespace
}  // namespace attune
