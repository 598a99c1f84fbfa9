#include "evaluate/bootstrap.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

#include "random/random.h"

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

double difference(const Statistic& statistic, const at::Tensor& first, const at::Tensor& second) {
  return statistic(second) - statistic(first);
}

// Draws of their own for the interval and the test: neither depends on the other.
enum Purpose : uint64_t { interval = 1, permutation = 2 };

}  // namespace

Interval bootstrap(int64_t count, const Statistic& statistic, const Resampling& resampling) {
  check(count, resampling);
  Random random(derive_seed({resampling.seed, Purpose::interval}));
  std::vector<double> values;
  for (int64_t i = 0; i < resampling.samples; ++i) {
    const double value = statistic(draw(count, count, random));
    if (!std::isnan(value)) values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  const double outside = (1 - resampling.level) / 2;
  return {statistic(at::arange(count, at::kLong)), quantile(values, outside), quantile(values, 1 - outside),
          static_cast<int64_t>(values.size())};
}

PairedTest compare_paired(int64_t count, const Statistic& statistic, const Resampling& resampling) {
  PairedTest test;
  test.difference = bootstrap(
      count, [&](const at::Tensor& rows) { return difference(statistic, rows, rows + count); }, resampling);
  const double observed = std::abs(test.difference.value);
  Random random(derive_seed({resampling.seed, Purpose::permutation}));
  const at::Tensor first = at::arange(count, at::kLong);
  int64_t defined = 0, as_large = 0;
  for (int64_t i = 0; i < resampling.samples; ++i) {
    const at::Tensor exchanged = draw(count, 2, random);
    const double value = difference(statistic, first + exchanged * count, first + (1 - exchanged) * count);
    if (std::isnan(value)) continue;
    ++defined;
    if (std::abs(value) >= observed * (1 - 1e-12)) ++as_large;
  }
  // The answers as they are count as one more exchange, so that p is never 0.
  test.p = std::isnan(observed) ? observed : static_cast<double>(1 + as_large) / static_cast<double>(1 + defined);
  return test;
}

}  // namespace attune
