// What is said of how long a run will take.
#include "progress.h"

#include <gtest/gtest.h>
#include <limits>

namespace attune::test {
namespace {

using cli::time_left;

TEST(TimeLeft, IsInTheUnitThatSuitsIt) {
  EXPECT_EQ(time_left(10, 1, 3), "20 s left");
  EXPECT_EQ(time_left(60, 10, 40), "3 min left");
  EXPECT_EQ(time_left(3600, 100, 300), "2 h 0 min left");
  EXPECT_EQ(time_left(3600, 100, 236), "1 h 22 min left");
}

TEST(TimeLeft, IsNotSaidWhereNobodyCanTell) {
  EXPECT_EQ(time_left(10, 0, 3), "");
  EXPECT_EQ(time_left(0.5, 1, 1000), "");
  EXPECT_EQ(time_left(10, 3, 3), "");
  EXPECT_EQ(time_left(10, 5, 3), "");
  EXPECT_EQ(time_left(10, 1, 0), "");
}

TEST(TimeLeft, IsNeverNothing) {
  EXPECT_EQ(time_left(100, 1000, 1009), "");
  EXPECT_EQ(time_left(0.9), "");
  EXPECT_EQ(time_left(std::numeric_limits<double>::quiet_NaN()), "");
  EXPECT_EQ(time_left(59.4), "59 s left");
}

}  // namespace
}  // namespace attune::test
