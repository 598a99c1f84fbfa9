// How sure numbers are that were computed from N samples.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace attune {

// Numbers computed from some rows of a table, int64 [M], of which some may be named twice; always as many. NaN where
// these rows do not define one (no positives among them, say).
using Statistics = std::function<std::vector<double>(const at::Tensor& rows)>;

struct Resampling {
  int64_t samples = 1000;
  double level = 0.95;
  uint64_t seed = 0;
};

// A number and how sure it is. NaN: not defined, or not asked for.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();  // of all rows
  double low = std::numeric_limits<double>::quiet_NaN();    // percentiles of the resampled values
  double high = std::numeric_limits<double>::quiet_NaN();
  double p = std::numeric_limits<double>::quiet_NaN();  // of a difference: two-sided
  int64_t defined = 0;                                  // resampled values that are; the others are left out
};

// The percentile intervals of statistics over `count` rows, which are drawn with replacement, for all of them alike.
// Throws Error(Fault::usage) for a resampling that makes no sense, Error(Fault::run) when there are no rows; so does
// compare_paired.
std::vector<Estimate> bootstrap(int64_t count, const Statistics& statistics, const Resampling& resampling = {});

// Two models on the same `count` samples: the second minus the first. The statistics see one table of 2 * count rows:
// the first model's samples, then the second's in the same order. The interval is a paired bootstrap, with the same
// rows drawn for both; p is a permutation test, which exchanges the models' answers sample by sample with probability
// 1/2: the share of exchanges whose difference is at least as large.
std::vector<Estimate> compare_paired(int64_t count, const Statistics& statistics, const Resampling& resampling = {});

}  // namespace attune
