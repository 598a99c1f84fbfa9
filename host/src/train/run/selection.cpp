#include "train/run/selection.h"

#include <algorithm>
#include <cmath>

#include "metrics/metric.h"

namespace attune {
namespace {

double merit_of(const std::string& select, int64_t epoch, const NamedNumbers& row) {
  const Metric* metric = selecting_metric(select);
  if (metric == nullptr) return static_cast<double>(epoch);
  const double value = number_of(row, validation_column(metric->name));
  return metric->better == Better::lower ? -value : value;
}

}  // namespace

double number_of(const NamedNumbers& numbers, const std::string& name) {
  const auto is_it = [&](const auto& number) { return number.first == name; };
  const auto found = std::find_if(numbers.begin(), numbers.end(), is_it);
  return found == numbers.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

std::string selecting_column(const std::string& select) {
  const Metric* metric = selecting_metric(select);
  return metric == nullptr ? "" : validation_column(metric->name);
}

bool selects_consistency(const std::string& select) {
  const Metric* metric = selecting_metric(select);
  return metric != nullptr && metric->needs_spec;
}

void Best::offer(const std::string& select, int64_t of, const NamedNumbers& row) {
  const double reached = merit_of(select, of, row);
  if (!std::isnan(merit) && !(reached > merit)) return;
  merit = reached;
  epoch = of;
}

std::vector<bool> chosen_epochs(const std::string& select, const std::vector<LogRow>& rows) {
  std::vector<bool> chosen(rows.size());
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    Best best;
    size_t of_best = rows.size();
    for (end = begin; end < rows.size() && rows[end].stage == rows[begin].stage; ++end) {
      if (rows[end].epoch == 0) continue;
      best.offer(select, rows[end].epoch, rows[end].numbers);
      if (best.epoch == rows[end].epoch) of_best = end;
    }
    if (of_best < rows.size()) chosen[of_best] = true;
  }
  return chosen;
}

}  // namespace attune
