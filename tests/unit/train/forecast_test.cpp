#include <cmath>
#include <gtest/gtest.h>

#include "train/run/progress.h"

namespace attune::test {
namespace {

// Two stages of 10 steps and 3 looks; a step of the second is guessed at three times one of the first.
std::vector<StageWork> two_stages() { return {{10, 3, {4, 20, 40}}, {10, 3, {12, 20, 40}}}; }

TEST(Forecast, SaysNothingBeforeAnythingIsTimed) { EXPECT_TRUE(std::isnan(Forecast(two_stages()).left({0, 0, 0}))); }

TEST(Forecast, GuessesFromTheFirstPiece) {
  Forecast forecast(two_stages());
  forecast.took(0, Work::look, 2);  // 20 take 2 s, so 1 takes 0.1 s
  EXPECT_NEAR(forecast.left({0, 0, 1}), 10 * 0.4 + 2 * 2 + 4 + 10 * 1.2 + 3 * 2 + 4, 1e-9);
}

TEST(Forecast, OfWhatIsTimedIsRight) {
  Forecast forecast(two_stages());
  for (size_t stage : {0, 1}) {
    forecast.took(stage, Work::step, 1);
    forecast.took(stage, Work::look, 5);
    forecast.took(stage, Work::end, 7);
  }
  EXPECT_NEAR(forecast.left({0, 0, 0}), 2 * (10 + 15 + 7), 1e-9);
  EXPECT_NEAR(forecast.left({0, 4, 1}), 6 + 10 + 7 + 32, 1e-9);
  EXPECT_NEAR(forecast.left({0, 10, 3}), 7 + 32, 1e-9) << "all steps are done, but not all work";
  EXPECT_NEAR(forecast.left({1, 10, 3}), 7, 1e-9);
}

// A stage that has not begun is to the one before as it was guessed.
TEST(Forecast, OfTheNextStageFollowsTheOneBefore) {
  Forecast forecast(two_stages());
  forecast.took(0, Work::step, 1);
  forecast.took(0, Work::look, 5);
  forecast.took(0, Work::end, 7);
  EXPECT_NEAR(forecast.left({1, 0, 0}), 10 * 3 + 3 * 5 + 7, 1e-9);
}

// In the middle of a piece, which may take longer than thought.
TEST(Forecast, GoesDownWhileThePieceLasts) {
  Forecast forecast(two_stages());
  forecast.took(1, Work::look, 5);
  forecast.took(1, Work::step, 1);
  forecast.took(1, Work::end, 7);
  EXPECT_NEAR(forecast.left({1, 10, 2}, Work::look, 2), 3 + 7, 1e-9);
  EXPECT_NEAR(forecast.left({1, 10, 2}, Work::look, 50), 7, 1e-9);
  EXPECT_NEAR(forecast.left({1, 10, 3}, Work::end, 6), 1, 1e-9);
}

TEST(Forecast, FollowsWhatBecomesSlower) {
  Forecast forecast({{1000, 0, {1, 0, 0}}});
  for (int i = 0; i < 100; ++i) forecast.took(0, Work::step, 1);
  for (int i = 0; i < 100; ++i) forecast.took(0, Work::step, 2);
  EXPECT_NEAR(forecast.left({0, 200, 0}), 800 * 2, 20);
}

}  // namespace
}  // namespace attune::test
