#include <gtest/gtest.h>

#include "matchers.h"

namespace attune {
namespace {

using test::match;
using test::seeded;

TEST(Identity, PairsMapsUnchanged) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{2, 1, 5}, {2, 3, 4, 5}, {2, 1, 2, 3, 4}}) {
    const at::Tensor a = seeded(shape, 1), b = seeded(shape, 2), c = seeded(shape, 3);
    const MatchedPairs pairs = match("identity", {}, {a, b, c});
    ASSERT_EQ(pairs.size(), 3U);
    EXPECT_TRUE(pairs[0].first.values.is_same(a) && pairs[0].second.values.is_same(b));
    EXPECT_TRUE(pairs[1].first.values.is_same(a) && pairs[1].second.values.is_same(c));
    EXPECT_TRUE(pairs[2].first.values.is_same(b) && pairs[2].second.values.is_same(c));
    EXPECT_TRUE(pairs[1].second.at_input_resolution && !pairs[1].first.at_input_resolution);
  }
}

TEST(Identity, HasTheMapsOwnGradients) {
  test::expect_matcher_properties("identity", {}, {{seeded({2, 2, 3, 4}, 1), seeded({2, 2, 3, 4}, 2)}});
}

TEST(Identity, RefusesMapsThatDiffer) {
  const std::string message = test::message_of(Fault::run, [] {
    match("identity", {}, {seeded({1, 1, 7, 7}, 1), seeded({1, 1, 7, 7}, 2), seeded({1, 1, 7, 9}, 3)});
  });
  for (const char* part : {"\"m0\" (7 x 7)", "\"m2\" (7 x 9)", "\"upsample\"", "\"pool\""}) {
    EXPECT_TRUE(test::contains(message, part)) << message;
  }
  test::expect_refuses_other_ranks_and_channels("identity");
}

}  // namespace
}  // namespace attune
