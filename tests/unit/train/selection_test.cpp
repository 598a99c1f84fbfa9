#include <gtest/gtest.h>

#include "train/run/log.h"

namespace attune::test {
namespace {

LogRow validated(const std::string& stage, int64_t epoch, double loss, double f1) {
  return {stage, epoch, 0, {{"validation_loss", loss}, {"validation_f1_macro", f1}}};
}

const std::vector<LogRow> log_of_two = {validated("a", 0, 0.1, 0.9), validated("a", 1, 0.7, 0.2),
                                        validated("a", 2, 0.5, 0.4), validated("a", 3, 0.6, 0.4),
                                        validated("b", 0, 0.5, 0.4), validated("b", 1, 0.9, 0.3)};

std::vector<size_t> chosen_rows(const std::string& select) {
  std::vector<size_t> rows;
  const std::vector<bool> marked = chosen_epochs(select, log_of_two);
  for (size_t i = 0; i < marked.size(); ++i) {
    if (marked[i]) rows.push_back(i);
  }
  return rows;
}

// The first of equals, and never the model that a stage began with.
TEST(Selection, TakesOneEpochOfEveryStage) {
  EXPECT_EQ(chosen_rows("loss"), (std::vector<size_t>{2, 5}));
  EXPECT_EQ(chosen_rows("f1_macro"), (std::vector<size_t>{2, 5}));
  EXPECT_EQ(chosen_rows("last"), (std::vector<size_t>{3, 5}));
}

TEST(Selection, LooksAtTheColumnsOfTheLog) {
  EXPECT_EQ(selecting_column("mean_average_precision"), "validation_mean_average_precision");
  EXPECT_EQ(selecting_column("loss"), "validation_loss");
  EXPECT_EQ(selecting_column("consistency"), "validation_consistency_loss");
  EXPECT_EQ(selecting_column("last"), "");
}

}  // namespace
}  // namespace attune::test
