// Intervals and tests against what statistics says of means.
#include "metrics/bootstrap.h"

#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>

#include "errors.h"

namespace attune::test {
namespace {

using Statistic = std::function<double(const at::Tensor& rows)>;

Statistics alone(const Statistic& statistic) {
  return [=](const at::Tensor& rows) { return std::vector<double>{statistic(rows)}; };
}

Estimate interval_of(int64_t count, const Statistic& statistic, const Resampling& resampling = {}) {
  return bootstrap(count, alone(statistic), resampling).at(0);
}

Estimate paired(int64_t count, const Statistic& statistic, const Resampling& resampling = {}) {
  return compare_paired(count, alone(statistic), resampling).at(0);
}

Statistic mean_of(const at::Tensor& table) {
  return [=](const at::Tensor& rows) { return table.index_select(0, rows).mean().item<double>(); };
}

at::Tensor normal(int64_t count, uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({count}, at::kDouble);
}

TEST(Bootstrap, ComesNearTheIntervalOfTheNormalDistribution) {
  const at::Tensor values = normal(200, 1);
  const double half = 1.96 * values.std(false).item<double>() / std::sqrt(200.0), mean = values.mean().item<double>();
  const Estimate interval = interval_of(200, mean_of(values), {4000, 0.95, 3});
  EXPECT_DOUBLE_EQ(interval.value, mean);
  EXPECT_NEAR(interval.low, mean - half, 0.1 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.1 * half);
  EXPECT_EQ(interval.defined, 4000);
  const Estimate narrow = interval_of(200, mean_of(values), {4000, 0.5, 3});
  EXPECT_NEAR(narrow.high - narrow.low, 2 * half * 0.6745 / 1.96, 0.1 * half);
}

TEST(Bootstrap, IsAFunctionOfTheSeed) {
  const Statistic statistic = mean_of(normal(30, 2));
  const Estimate first = interval_of(30, statistic, {100, 0.95, 7}), again = interval_of(30, statistic, {100, 0.95, 7});
  const Estimate other = interval_of(30, statistic, {100, 0.95, 8});
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_NE(first.low, other.low);
}

// Percentiles between two of the resampled values, as NumPy has them.
TEST(Bootstrap, InterpolatesPercentiles) {
  int calls = 0;
  const Estimate interval =
      interval_of(1, [&](const at::Tensor&) { return static_cast<double>(++calls); }, {11, 0.9, 0});
  EXPECT_NEAR(interval.low, 1.5, 1e-12);  // of 1 to 11, at 5 %
  EXPECT_NEAR(interval.high, 10.5, 1e-12);
}

TEST(Bootstrap, DrawsEveryRowWithReplacement) {
  at::Tensor drawn = at::zeros({5});
  bool repeats = false;
  const auto count_rows = [&](const at::Tensor& rows) {
    EXPECT_EQ(rows.sizes(), (at::IntArrayRef{5}));
    const at::Tensor counts = rows.bincount({}, 5).to(at::kFloat);
    repeats = repeats || counts.max().item<float>() > 1;
    drawn += counts;
    return 0.0;
  };
  interval_of(5, count_rows, {2000, 0.95, 1});
  EXPECT_TRUE(repeats);
  EXPECT_GT(drawn.min().item<float>(), 1800);
  EXPECT_LT(drawn.max().item<float>(), 2200);
}

TEST(Bootstrap, LeavesOutWhatIsNotDefined) {
  const auto only_with_row_0 = [](const at::Tensor& rows) { return rows.eq(0).any().item<bool>() ? 1.0 : NAN; };
  const Estimate interval = interval_of(2, only_with_row_0, {1000, 0.95, 1});
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 1);
  EXPECT_NEAR(static_cast<double>(interval.defined), 750, 60);
  const Estimate never = interval_of(2, [](const at::Tensor&) { return NAN; });
  EXPECT_TRUE(std::isnan(never.value) && std::isnan(never.low) && std::isnan(never.high));
  EXPECT_EQ(never.defined, 0);
}

TEST(Bootstrap, DrawsTheSameRowsForAllStatistics) {
  const Statistic first = mean_of(normal(30, 2)), second = mean_of(normal(30, 3));
  const auto both = [&](const at::Tensor& rows) { return std::vector<double>{first(rows), second(rows)}; };
  const std::vector<Estimate> intervals = bootstrap(30, both, {100, 0.95, 7});
  EXPECT_EQ(intervals.at(0).low, interval_of(30, first, {100, 0.95, 7}).low);
  EXPECT_EQ(intervals.at(1).high, interval_of(30, second, {100, 0.95, 7}).high);
}

TEST(PairedTest, SeesASmallDifferenceOfSamplesThatVaryMuch) {
  const at::Tensor first = 10 * normal(60, 4), second = first + 0.5 + 0.5 * normal(60, 5);
  const Estimate test = paired(60, mean_of(at::cat({first, second})), {2000, 0.95, 1});
  EXPECT_NEAR(test.value, (second - first).mean().item<double>(), 1e-12);
  EXPECT_GT(test.low, 0.2);
  EXPECT_LT(test.high, 0.8);
  EXPECT_LT(test.p, 0.01);
  EXPECT_GT(test.p, 0);
}

TEST(PairedTest, HasASign) {
  const at::Tensor first = normal(60, 4);
  const Estimate test = paired(60, mean_of(at::cat({first, first - 1})), {200, 0.95, 1});
  EXPECT_NEAR(test.low, -1, 1e-9);
  EXPECT_NEAR(test.high, -1, 1e-9);
  EXPECT_LT(test.p, 0.01);
}

// Four differences of one sign: two of the 2^4 exchanges are as large.
TEST(PairedTest, GivesTheExactShareOfExchanges) {
  const at::Tensor table = at::cat({at::zeros({4}), at::tensor({1.0, 2.0, 3.0, 4.0})}).to(at::kDouble);
  EXPECT_NEAR(paired(4, mean_of(table), {20000, 0.95, 1}).p, 2.0 / 16, 0.01);
}

TEST(PairedTest, FindsNothingBetweenEqualModels) {
  const at::Tensor values = normal(40, 6);
  const Estimate test = paired(40, mean_of(at::cat({values, values})), {200, 0.95, 1});
  EXPECT_EQ(test.low, 0);
  EXPECT_EQ(test.high, 0);
  EXPECT_EQ(test.p, 1);
}

TEST(PairedTest, IsUndefinedWhereTheStatisticIs) {
  EXPECT_TRUE(std::isnan(paired(3, [](const at::Tensor&) { return NAN; }).p));
}

TEST(Bootstrap, RefusesWhatMakesNoSense) {
  const Statistic statistic = mean_of(at::zeros({3}));
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         interval_of(3, statistic, {0, 0.95, 0});
                       }),
            "the bootstrap needs at least one sample");
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         interval_of(3, statistic, {10, 1, 0});
                       }),
            "the level of an interval must lie between 0 and 1, not 1.000000");
  EXPECT_EQ(message_of(Fault::run, [&] { paired(0, statistic); }), "there are no rows to resample");
}

}  // namespace
}  // namespace attune::test
