#include "report/agreement.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <limits>

namespace attune {
namespace {

// [P], of mean 0 and length 1; a constant map is NaN.
at::Tensor direction_of(const at::Tensor& map) {
  const at::Tensor all = (map.size(0) > 1 ? map.abs().sum(0) : map[0]).flatten().to(at::kDouble);
  const at::Tensor deviation = all - all.mean();
  const at::Tensor length = deviation.norm();
  const bool is_constant = length.item<double>() <= 1e-9 * all.norm().item<double>();
  if (is_constant) return at::full({all.numel()}, std::numeric_limits<float>::quiet_NaN());
  return (deviation / length).to(at::kFloat);
}

}  // namespace

Agreement agreement_of(const SampleReport& report, size_t target) {
  Agreement agreement;
  std::vector<at::Tensor> directions;
  for (const ReportedMap& map : report.maps) {
    if (map.target != target || map.repeated || map.shown || map.input.defined()) continue;
    const at::Tensor values = at_size_of(report.sample->input, map.values);
    if (!values.defined()) continue;
    agreement.names.push_back(map.name);
    directions.push_back(direction_of(values));
  }
  if (directions.empty()) return agreement;
  const at::Tensor all = at::stack(directions);
  agreement.values = at::matmul(all, all.t()).to(at::kDouble).clamp(-1, 1);
  return agreement;
}

void MeanAgreement::add(const Agreement& agreement) {
  const auto note = [&](const std::string& name) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(name);
  };
  for (size_t i = 0; i < agreement.names.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double value = agreement.values[static_cast<int64_t>(i)][static_cast<int64_t>(j)].item<double>();
      if (!std::isfinite(value)) continue;
      note(agreement.names[j]);
      note(agreement.names[i]);
      auto& [sum, count] = sums_[std::minmax(agreement.names[i], agreement.names[j])];
      sum += value;
      ++count;
    }
  }
}

Agreement MeanAgreement::mean() const {
  const auto count = static_cast<int64_t>(names_.size());
  Agreement mean{names_, at::full({count, count}, std::numeric_limits<double>::quiet_NaN(), at::kDouble)};
  for (int64_t i = 0; i < count; ++i) {
    mean.values[i][i] = 1;
    for (int64_t j = 0; j < i; ++j) {
      const auto found = sums_.find(std::minmax(names_[static_cast<size_t>(i)], names_[static_cast<size_t>(j)]));
      if (found == sums_.end()) continue;
      mean.values[i][j] = mean.values[j][i] = found->second.first / static_cast<double>(found->second.second);
    }
  }
  return mean;
}

}  // namespace attune
