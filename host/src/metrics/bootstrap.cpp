#include "metrics/bootstrap.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <limits>
#include <string>

#include <attune/sdk/error.h>

#include "base/random.h"

namespace attune {
namespace {

void check(int64_t count, const Resampling& resampling) {
  if (resampling.samples < 1) throw Error(Fault::usage, "the bootstrap needs at least one sample");
  if (!(resampling.level > 0 && resampling.level < 1)) {
    throw Error(Fault::usage,
                "the level of an interval must lie between 0 and 1, not " + std::to_string(resampling.level));
  }
  if (count < 1) throw Error(Fault::run, "there are no rows to resample");
}

// `count` numbers in [0,limit).
at::Tensor draw(int64_t count, int64_t limit, Random& random) {
  at::Tensor drawn = at::empty({count}, at::kLong);
  std::generate_n(drawn.data_ptr<int64_t>(), count, [&] { return random.index(limit); });
  return drawn;
}

// Of sorted values, linear between them as NumPy's.
double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

std::vector<double> difference(const Statistics& statistics, const at::Tensor& first, const at::Tensor& second) {
  std::vector<double> values = statistics(second);
  const std::vector<double> before = statistics(first);
  for (size_t i = 0; i < values.size(); ++i) values[i] -= before[i];
  return values;
}

// Draws of their own for the interval and the test: neither depends on the other.
enum Purpose : uint64_t { interval = 1, permutation = 2 };

}  // namespace

std::vector<Interval> bootstrap(int64_t count, const Statistics& statistics, const Resampling& resampling) {
  check(count, resampling);
  Random random(derive_seed({resampling.seed, Purpose::interval}));
  std::vector<std::vector<double>> resampled;  // of each statistic, where it is defined
  for (int64_t i = 0; i < resampling.samples; ++i) {
    const std::vector<double> values = statistics(draw(count, count, random));
    resampled.resize(values.size());
    for (size_t s = 0; s < values.size(); ++s) {
      if (!std::isnan(values[s])) resampled[s].push_back(values[s]);
    }
  }
  const std::vector<double> of_all = statistics(at::arange(count, at::kLong));
  const double outside = (1 - resampling.level) / 2;
  std::vector<Interval> intervals;
  for (size_t s = 0; s < of_all.size(); ++s) {
    std::vector<double>& values = resampled[s];
    std::sort(values.begin(), values.end());
    intervals.push_back(
        {of_all[s], quantile(values, outside), quantile(values, 1 - outside), static_cast<int64_t>(values.size())});
  }
  return intervals;
}

std::vector<PairedTest> compare_paired(int64_t count, const Statistics& statistics, const Resampling& resampling) {
  const auto between = [&](const at::Tensor& rows) { return difference(statistics, rows, rows + count); };
  std::vector<PairedTest> tests;
  for (const Interval& interval : bootstrap(count, between, resampling)) tests.push_back({interval});
  std::vector<int64_t> defined(tests.size()), as_large(tests.size());
  Random random(derive_seed({resampling.seed, Purpose::permutation}));
  const at::Tensor first = at::arange(count, at::kLong);
  for (int64_t i = 0; i < resampling.samples; ++i) {
    const at::Tensor exchanged = draw(count, 2, random);
    const auto values = difference(statistics, first + exchanged * count, first + (1 - exchanged) * count);
    for (size_t s = 0; s < tests.size(); ++s) {
      if (std::isnan(values[s])) continue;
      ++defined[s];
      if (std::abs(values[s]) >= std::abs(tests[s].difference.value) * (1 - 1e-12)) ++as_large[s];
    }
  }
  // The answers as they are count as one more exchange, so that p is never 0.
  for (size_t s = 0; s < tests.size(); ++s) {
    const double observed = tests[s].difference.value;
    tests[s].p =
        std::isnan(observed) ? observed : static_cast<double>(1 + as_large[s]) / static_cast<double>(1 + defined[s]);
  }
  return tests;
}

}  // namespace attune
