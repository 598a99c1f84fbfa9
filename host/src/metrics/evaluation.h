// From predictions to numbers with intervals.
#pragma once

#include <limits>

#include "metrics/bootstrap.h"
#include "metrics/metric.h"

namespace attune {

// A number and how sure it is. NaN: not defined, or not asked for.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN();  // of the 95 % interval
  double high = std::numeric_limits<double>::quiet_NaN();
  double p = std::numeric_limits<double>::quiet_NaN();  // of a difference
};

// By name, in their order.
using Estimates = std::vector<std::pair<std::string, Estimate>>;

struct EstimatesOf {
  std::string name;
  int64_t count = 0;  // of what was judged
  Estimates estimates;
};

// What a model is worth on one part of the data. Or, of two models, the differences.
struct Evaluation {
  int64_t samples = 0;
  Estimates metrics;
  std::vector<EstimatesOf> classes;  // count: samples that surely have the class
  std::vector<EstimatesOf> maps;     // count: classes of samples that have boxes
  std::vector<EstimatesOf> terms;    // of the spec; count: samples
};

struct EvaluationOptions {
  Task task = Task::multi_label;
  Objective loss = Objective::bce;
  std::vector<std::string> classes;  // K names
  int64_t least = 1;                 // means over classes leave out those that fewer samples surely have
  Resampling resampling;             // samples == 0: no intervals
};

// Every metric of metric.h.
Evaluation evaluate(const Predictions& predictions, const EvaluationOptions& options);

// The second model minus the first, on the same examples, with a paired interval and the p of a permutation test.
// Throws Error(Fault::run) when the examples are not the same.
Evaluation evaluate_difference(const Predictions& first, const Predictions& second, const EvaluationOptions& options);

}  // namespace attune
