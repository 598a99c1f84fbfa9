// How much the maps of a sample agree.
#pragma once

#include "report/report.h"

namespace attune {

// Pearson's coefficient of each pair of maps.
struct Agreement {
  std::vector<std::string> names;
  at::Tensor values;  // [M,M] in float64; NaN where one of the two is constant
};

// Of the maps of one target, at the input's size; of a map with several channels the magnitudes, summed. Left out is
// what matchers show or have computed on another input, and what has other axes than the input.
Agreement agreement_of(const SampleReport& report, size_t target);

// The mean over samples and targets, pair by pair, of those that have both maps. A map that is never compared is not
// among its names.
class MeanAgreement {
 public:
  void add(const Agreement& agreement);
  Agreement mean() const;

 private:
  std::vector<std::string> names_;
  std::map<std::pair<std::string, std::string>, std::pair<double, int64_t>> sums_;  // and how many
};

}  // namespace attune
