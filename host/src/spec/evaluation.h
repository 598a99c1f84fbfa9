// What a model is worth on one part of the data, as numbers and as a JSON document.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

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

// Or, of two models, the differences.
struct Evaluation {
  int64_t samples = 0;
  Estimates metrics;
  std::vector<EstimatesOf> classes;  // count: samples that surely have the class
  std::vector<EstimatesOf> maps;     // count: classes of samples that have boxes
  std::vector<EstimatesOf> terms;    // of the spec; count: samples
};

// {"samples", "metrics": {name: {"value", "low", "high"}}, "classes": [{"name", "count", <name>: {"value"..}...}],
// "maps", "terms": likewise}; "p" beside "high" where there is one, null for what is not defined. Lists without entries
// are left out.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);

// The other way round, of a document that this program has written.
Evaluation evaluation_of(const nlohmann::ordered_json& json);

}  // namespace attune
