#include "metrics/evaluation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <functional>

#include <attune/sdk/error.h>

namespace attune {
namespace {

// Statistics are thousands of tiny operations, for which threads cost far more than they save.
class OneThread {
 public:
  OneThread() { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_ = at::get_num_threads();
};

// The mean of some values, of which each belongs to a row.
class RowMean {
 public:
  RowMean(const at::Tensor& values, const at::Tensor& rows, const at::Tensor& chosen, int64_t count) {
    const at::Tensor kept = (values.isnan().logical_not() & chosen).nonzero().squeeze(1);
    const at::Tensor of = rows.index_select(0, kept), some = values.index_select(0, kept);
    sums_ = at::zeros({count}, at::kDouble).index_add(0, of, some);
    counts_ = at::zeros({count}, at::kDouble).index_add(0, of, some.new_ones(some.sizes()));
  }

  // 0 / 0, not a number, where none is drawn.
  double operator()(const at::Tensor& drawn) const {
    return (sums_.index_select(0, drawn).sum() / counts_.index_select(0, drawn).sum()).item<double>();
  }

 private:
  at::Tensor sums_;
  at::Tensor counts_;
};

template <class Use>
void for_each_estimate(Evaluation& evaluation, const Use& use) {
  for (auto& [name, estimate] : evaluation.metrics) use(estimate);
  for (auto* list : {&evaluation.classes, &evaluation.maps, &evaluation.terms}) {
    for (EstimatesOf& of : *list) {
      for (auto& [name, estimate] : of.estimates) use(estimate);
    }
  }
}

// All metrics of some rows; of two models in one table, `samples` are the rows of one.
class Evaluator {
 public:
  Evaluator(const Predictions& predictions, const EvaluationOptions& options, int64_t samples)
      : predictions_(predictions),
        options_(options),
        samples_(samples),
        inputs_(metric_inputs(predictions, options.task, options.loss, options.least, samples)) {
    const size_t maps = predictions.rows.numel() > 0 ? predictions.maps.size() : 0;
    for (size_t m = 0; m < maps; ++m) prepare_map(static_cast<int64_t>(m));
  }

  Evaluation values(const at::Tensor& drawn) const {
    const Rows rows(inputs_, drawn);
    Evaluation evaluation;
    evaluation.samples = samples_;
    for (const Metric& metric : metrics()) {
      if (metric.needs_spec && predictions_.terms.empty()) continue;
      evaluation.metrics.push_back({metric.name, {metric.value(rows)}});
    }
    for (size_t k = 0; k < options_.classes.size(); ++k) {
      const auto column = static_cast<int64_t>(k);
      EstimatesOf of{options_.classes[k], inputs_.positives[column].item<int64_t>(), {}};
      for (const ClassMetric& metric : class_metrics()) {
        of.estimates.push_back({metric.name, {(rows.*metric.values)()[column].item<double>()}});
      }
      evaluation.classes.push_back(std::move(of));
    }
    for (size_t m = 0; m < counts_.size(); ++m) {
      EstimatesOf of{predictions_.maps[m], counts_[m], {}};
      for (size_t i = 0; i < map_metrics().size(); ++i) {
        of.estimates.push_back({map_metrics()[i].name, {means_[m * map_metrics().size() + i](drawn)}});
      }
      evaluation.maps.push_back(std::move(of));
    }
    if (predictions_.terms.empty()) return evaluation;
    const at::Tensor agreement = rows.agreement();
    for (size_t t = 0; t < predictions_.terms.size(); ++t) {
      const double h = agreement[static_cast<int64_t>(t)].item<double>();
      evaluation.terms.push_back({predictions_.terms[t], samples_, {{term_metric, {h}}}});
    }
    return evaluation;
  }

  // The values alone, in the order of for_each_estimate().
  std::vector<double> operator()(const at::Tensor& drawn) const {
    Evaluation evaluation = values(drawn);
    std::vector<double> all;
    for_each_estimate(evaluation, [&](const Estimate& estimate) { all.push_back(estimate.value); });
    return all;
  }

  // An evaluation with those estimates, in the same order.
  Evaluation with(const std::vector<Estimate>& estimates) const {
    Evaluation evaluation = values(at::arange(samples_, at::kLong));
    size_t next = 0;
    for_each_estimate(evaluation, [&](Estimate& estimate) { estimate = estimates.at(next++); });
    return evaluation;
  }

 private:
  void prepare_map(int64_t m) {
    const at::Tensor rows = predictions_.rows, all = predictions_.classes.ge(0);
    const at::Tensor hits = inputs_.decisions.index({rows, predictions_.classes});
    for (const MapMetric& metric : map_metrics()) {
      const at::Tensor values = (predictions_.*metric.values).select(1, m);
      means_.emplace_back(values, rows, metric.of_hits ? hits : all, predictions_.size());
    }
    const at::Tensor iou = predictions_.iou.select(1, m);
    counts_.push_back((iou.isnan().logical_not() & (rows < samples_)).sum().item<int64_t>());
  }

  const Predictions& predictions_;
  const EvaluationOptions& options_;
  const int64_t samples_;
  const MetricInputs inputs_;
  std::vector<RowMean> means_;   // all metrics of the first map, then of the next
  std::vector<int64_t> counts_;  // of every map
};

void require_names(const Predictions& predictions, const EvaluationOptions& options) {
  const int64_t classes = predictions.scores.size(1);
  if (static_cast<int64_t>(options.classes.size()) == classes) return;
  throw Error(Fault::run, "the scores of " + std::to_string(classes) + " classes cannot be judged with " +
                              std::to_string(options.classes.size()) + " names");
}

// The same examples seen by two models, as one table: the first model's rows, then the second's.
Predictions concatenate(const Predictions& first, const Predictions& second) {
  if (first.examples != second.examples) {
    throw Error(Fault::run, "two models can only be compared on the same examples");
  }
  const auto both = [](const at::Tensor& a, const at::Tensor& b) { return a.defined() ? at::cat({a, b}) : a; };
  Predictions all = first;
  for (const auto of : {&Predictions::scores, &Predictions::agreement, &Predictions::consistency_loss,
                        &Predictions::classes, &Predictions::iou, &Predictions::pointing}) {
    all.*of = both(first.*of, second.*of);
  }
  all.truth = {both(first.truth.labels, second.truth.labels), both(first.truth.weights, second.truth.weights)};
  all.examples.insert(all.examples.end(), second.examples.begin(), second.examples.end());
  all.rows = both(first.rows, second.rows + first.size());
  return all;
}

}  // namespace

Evaluation evaluate(const Predictions& predictions, const EvaluationOptions& options) {
  require_names(predictions, options);
  const OneThread one_thread;
  const Evaluator evaluator(predictions, options, predictions.size());
  if (options.resampling.samples == 0) return evaluator.values(at::arange(predictions.size(), at::kLong));
  return evaluator.with(bootstrap(predictions.size(), std::cref(evaluator), options.resampling));
}

Evaluation evaluate_difference(const Predictions& first, const Predictions& second, const EvaluationOptions& options) {
  require_names(first, options);
  const OneThread one_thread;
  const Predictions both = concatenate(first, second);
  const Evaluator evaluator(both, options, first.size());
  if (options.resampling.samples > 0) {
    return evaluator.with(compare_paired(first.size(), std::cref(evaluator), options.resampling));
  }
  const at::Tensor rows = at::arange(first.size(), at::kLong);
  const std::vector<double> before = evaluator(rows), after = evaluator(rows + first.size());
  std::vector<Estimate> estimates;
  for (size_t i = 0; i < after.size(); ++i) estimates.push_back({after[i] - before[i]});
  return evaluator.with(estimates);
}

}  // namespace attune
