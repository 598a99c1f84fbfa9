#include <gtest/gtest.h>

#include "matchers.h"

namespace attune {
namespace {

using test::match;
using test::seeded;

// Cell i of every axis becomes the maximum or mean of the cells from begin(i) up to, without, end(i).
at::Tensor pooled(at::Tensor x, const std::vector<int64_t>& to, bool average, int64_t window) {
  for (size_t k = 0; k < to.size(); ++k) {
    const int64_t axis = static_cast<int64_t>(k) + 2, from = x.size(axis);
    test::Tensors cells;
    for (int64_t i = 0; i < to[k]; ++i) {
      const int64_t begin = window > 0 ? i * window : i * from / to[k];
      const int64_t end = window > 0 ? begin + window : ((i + 1) * from + to[k] - 1) / to[k];
      const at::Tensor cell = x.narrow(axis, begin, end - begin);
      cells.push_back(average ? cell.mean(axis, true) : cell.amax(axis, true));
    }
    x = at::cat(cells, axis);
  }
  return x;
}

TEST(Pool, PoolsToTheSmallestSize) {
  for (const std::string kind : {"max", "average"}) {
    for (const test::Tensors& maps : test::small_and_large()) {
      const at::Tensor expected = pooled(maps[1], maps[0].sizes().slice(2).vec(), kind == "average", 0);
      const MatchedPairs pairs = match("pool", {{"kind", kind}}, maps);
      EXPECT_TRUE(at::allclose(pairs[0].second.values, expected, 1e-12, 1e-14)) << kind << maps[0].sizes();
      EXPECT_TRUE(pairs[0].first.values.is_same(maps[0]));
      EXPECT_FALSE(pairs[0].second.at_input_resolution);
    }
  }
}

TEST(Pool, PoolsWithAWindow) {
  for (const std::string kind : {"max", "average"}) {
    for (std::vector<int64_t> to : {std::vector<int64_t>{3}, {3, 2}, {2, 1, 3}}) {
      std::vector<int64_t> small{2, 2}, large{2, 2};
      for (const int64_t extent : to) {
        small.push_back(extent);
        large.push_back(2 * extent + 1);  // the last cell is left over
      }
      const at::Tensor map = seeded(large, 5);
      const MatchedPairs pairs = match("pool", {{"kind", kind}, {"window", int64_t{2}}}, {seeded(small, 4), map});
      EXPECT_TRUE(at::allclose(pairs[0].second.values, pooled(map, to, kind == "average", 2), 1e-12, 1e-14)) << kind;
    }
  }
}

TEST(Pool, MaximumIsTheDefaultAndAllPairsAreReturned) {
  const at::Tensor small = seeded({1, 1, 2, 2}, 1), a = seeded({1, 1, 4, 4}, 2), b = seeded({1, 1, 5, 6}, 3);
  const MatchedPairs pairs = match("pool", {}, {a, small, b});
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_TRUE(at::equal(pairs[0].first.values, pooled(a, {2, 2}, false, 0)));
  EXPECT_TRUE(pairs[0].second.values.is_same(small) && pairs[2].first.values.is_same(small));
  EXPECT_TRUE(at::equal(pairs[1].second.values, pooled(b, {2, 2}, false, 0)));
}

TEST(Pool, BatchAndDerivatives) {
  for (const std::string kind : {"max", "average"}) {
    test::expect_matcher_properties("pool", {{"kind", kind}}, test::small_and_large());
    test::expect_matcher_properties("pool", {{"kind", kind}, {"window", int64_t{2}}},
                                    {{seeded({2, 1, 3}, 1), seeded({2, 1, 6}, 2)},
                                     {seeded({2, 1, 3, 2}, 3), seeded({2, 1, 6, 4}, 4)},
                                     {seeded({2, 1, 1, 2, 3}, 5), seeded({2, 1, 2, 4, 6}, 6)}});
  }
}

TEST(Pool, RefusesSizesThatDoNotFit) {
  const std::string window = test::message_of(Fault::run, [] {
    match("pool", {{"window", int64_t{3}}}, {seeded({1, 1, 2, 2}, 1), seeded({1, 1, 6, 5}, 2)});
  });
  for (const char* part : {"\"m1\" (6 x 5)", "window 3", "2 x 1", "2 x 2"}) {
    EXPECT_TRUE(test::contains(window, part)) << window;
  }
  const std::string narrow = test::message_of(Fault::run, [] {
    match("pool", {}, {seeded({1, 1, 2, 4}, 1), seeded({1, 1, 9, 3}, 2)});
  });
  for (const char* part : {"\"m1\" (9 x 3)", "2 x 4", "upsample"}) EXPECT_TRUE(test::contains(narrow, part)) << narrow;
  test::expect_refuses_other_ranks_and_channels("pool");
}

}  // namespace
}  // namespace attune
