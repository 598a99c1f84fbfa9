#include "evaluation_report.h"

#include <ATen/TensorOperators.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/csv.h"
#include "base/numbers.h"
#include "table.h"

namespace attune::cli {
namespace {

std::string interval(const Estimate& estimate) {
  if (std::isnan(estimate.low)) return "";
  return " [" + fixed(estimate.low) + ", " + fixed(estimate.high) + "]";
}

std::string with_interval(const Estimate& estimate) { return fixed(estimate.value) + interval(estimate); }

void print_list(std::ostream& out, const char* title, const std::vector<EstimatesOf>& list) {
  if (list.empty()) return;
  std::vector<Cells> rows{{title, "count"}};
  for (const auto& [name, estimate] : list[0].estimates) rows[0].push_back(name);
  for (const EstimatesOf& of : list) {
    rows.push_back({of.name, std::to_string(of.count)});
    for (const auto& [name, estimate] : of.estimates) rows.back().push_back(with_interval(estimate));
  }
  out << '\n';
  print_table(out, rows);
}

// Metrics, and those of every map and term under its name.
Estimates flat(const Evaluation& evaluation) {
  Estimates all = evaluation.metrics;
  for (const auto* list : {&evaluation.maps, &evaluation.terms}) {
    for (const EstimatesOf& of : *list) {
      for (const auto& [name, estimate] : of.estimates) all.emplace_back(of.name + " " + name, estimate);
    }
  }
  return all;
}

void add_comparison(std::vector<Cells>& rows, const std::string& prefix, const Estimates& model,
                    const Estimates& against, const Estimates& difference) {
  for (size_t i = 0; i < model.size(); ++i) {
    rows.push_back({prefix + model[i].first, fixed(model[i].second.value), fixed(against[i].second.value),
                    with_interval(difference[i].second), fixed(difference[i].second.p)});
  }
}

// [N,M], the mean over the pairs of each sample; NaN without any.
at::Tensor by_sample(const at::Tensor& values, const at::Tensor& rows, int64_t samples) {
  const at::Tensor defined = values.isnan().logical_not().to(at::kDouble),
                   sum = values.new_zeros({samples, values.size(1)});
  return sum.index_add(0, rows, values.nan_to_num(0)) / sum.index_add(0, rows, defined);
}

}  // namespace

void print_evaluation(std::ostream& out, const Evaluation& evaluation) {
  std::vector<Cells> rows;
  for (const auto& [name, estimate] : evaluation.metrics) rows.push_back({name, with_interval(estimate)});
  print_table(out, rows);
  print_list(out, "map", evaluation.maps);
  print_list(out, "term", evaluation.terms);
  print_list(out, "class", evaluation.classes);
}

void print_parts(std::ostream& out, const std::vector<std::pair<std::string, Evaluation>>& parts) {
  std::vector<Cells> rows{{""}};
  for (size_t column = 0; column < parts.size(); ++column) {
    const auto& [part, evaluation] = parts[column];
    rows[0].push_back(part + " (" + std::to_string(evaluation.samples) + " samples)");
    for (const auto& [name, estimate] : flat(evaluation)) {
      const auto is_it = [&known = name](const Cells& row) { return row[0] == known; };
      auto row = std::find_if(rows.begin() + 1, rows.end(), is_it);
      if (row == rows.end()) row = rows.insert(row, Cells{name});
      row->resize(column + 1, "-");  // what the parts before do not have
      row->push_back(with_interval(estimate));
    }
  }
  print_table(out, rows);
}

void print_left_out(std::ostream& out, const nlohmann::ordered_json& problems) {
  constexpr size_t most = 5;
  if (problems.empty()) return;
  out << problems.size() << (problems.size() == 1 ? " file was left out:\n" : " files were left out:\n");
  for (size_t i = 0; i < std::min(most, problems.size()); ++i) {
    out << "  " << problems[i]["message"].get<std::string>() << '\n';
  }
  if (problems.size() > most) out << "  and " << problems.size() - most << " more\n";
}

void print_comparison(std::ostream& out, const Evaluation& model, const Evaluation& against,
                      const Evaluation& difference) {
  std::vector<Cells> rows{{"", "model", "against", "difference", "p"}};
  add_comparison(rows, "", model.metrics, against.metrics, difference.metrics);
  const auto add_list = [&](const auto& list, const auto& other, const auto& differences) {
    for (size_t i = 0; i < list.size(); ++i) {
      add_comparison(rows, list[i].name + " ", list[i].estimates, other[i].estimates, differences[i].estimates);
    }
  };
  add_list(model.maps, against.maps, difference.maps);
  add_list(model.terms, against.terms, difference.terms);
  add_list(model.classes, against.classes, difference.classes);
  print_table(out, rows);
}

std::string samples_csv(const Predictions& predictions, const Dataset& dataset, Task task) {
  const auto samples = static_cast<int64_t>(predictions.examples.size());
  const at::Tensor decisions =
      task == Task::multi_label ? decide_above(predictions.scores, 0) : decide_highest(predictions.scores);
  const at::Tensor iou = by_sample(predictions.iou, predictions.rows, samples);
  const at::Tensor pointing = by_sample(predictions.pointing, predictions.rows, samples);
  Cells header{"id", "file", "labels", "predicted"};
  for (const std::string& name : dataset.classes) header.push_back("score " + name);
  for (const std::string& name : predictions.maps) header.insert(header.end(), {"iou " + name, "pointing " + name});
  for (const std::string& name : predictions.terms) header.push_back("h " + name);
  std::string csv = csv_line(header);
  const auto names = [&](const at::Tensor& row) {
    std::string text;
    for (size_t k = 0; k < dataset.classes.size(); ++k) {
      if (row[static_cast<int64_t>(k)].item<double>() == 0) continue;
      text += (text.empty() ? "" : ";") + dataset.classes[k];
    }
    return text;
  };
  const auto add = [](Cells& row, const at::Tensor& value) { row.push_back(csv_number(value.item<double>())); };
  for (int64_t n = 0; n < samples; ++n) {
    const Example& example = dataset.examples[static_cast<size_t>(predictions.examples[static_cast<size_t>(n)])];
    Cells row{example.id, example.path.string(), names(predictions.truth.labels[n]), names(decisions[n])};
    for (int64_t k = 0; k < predictions.scores.size(1); ++k) add(row, predictions.scores[n][k]);
    for (int64_t m = 0; m < iou.size(1); ++m) {
      add(row, iou[n][m]);
      add(row, pointing[n][m]);
    }
    for (size_t t = 0; t < predictions.terms.size(); ++t) add(row, predictions.agreement[n][static_cast<int64_t>(t)]);
    csv += csv_line(row);
  }
  return csv;
}

}  // namespace attune::cli
