#include "train/judge.h"

#include <ATen/Parallel.h>
#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <limits>

#include <attune/sdk/error.h>

#include "train/objective.h"

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

// Everything that is asked of a measurement: numbers of its rows, and what they are called.
class Questions {
 public:
  // `samples`: the rows of one model.
  Questions(const Measurement& measured, const Judging& judging, int64_t samples)
      : measured_(measured),
        judging_(judging),
        samples_(samples),
        scores_(measured.answers.scores),
        truth_(measured.answers.truth),
        decisions_(judging.task == Task::multi_label ? decide_above(scores_, 0) : decide_highest(scores_)),
        positives_(positives({truth_.labels.narrow(0, 0, samples), truth_.weights.narrow(0, 0, samples)})) {
    for (size_t m = 0; m < maps(); ++m) ask_map(static_cast<int64_t>(m));
  }

  // In the order of named().
  std::vector<double> operator()(const at::Tensor& rows) const {
    const at::Tensor scores = scores_.index_select(0, rows), decisions = decisions_.index_select(0, rows);
    const Truth truth = select(truth_, rows);
    const at::Tensor f = f1(decisions, truth), precision = average_precision(scores, truth);
    const at::Tensor voc = average_precision(scores, truth, PrecisionCurve::voc2012);
    const at::Tensor counted = positives_ >= judging_.least;
    std::vector<double> all{objective(judging_.loss, scores, truth.labels, truth.weights).item<double>(),
                            mean_of_defined(precision, counted),
                            mean_of_defined(voc, counted),
                            mean_of_defined(f, counted),
                            micro_f1(decisions, truth),
                            accuracy(decisions, truth)};
    const bool has_terms = !measured_.terms.empty();
    if (has_terms) all.push_back(measured_.consistency_loss.index_select(0, rows).mean().item<double>());
    for (int64_t k = 0; k < scores.size(1); ++k) {
      all.push_back(f[k].item<double>());
      all.push_back(precision[k].item<double>());
    }
    for (const RowMean& mean : means_) all.push_back(mean(rows));
    if (!has_terms) return all;
    const at::Tensor agreement = measured_.agreement.index_select(0, rows).mean(0);
    for (int64_t t = 0; t < agreement.size(0); ++t) all.push_back(agreement[t].item<double>());
    return all;
  }

  Evaluation named(const std::vector<Estimate>& estimates) const {
    size_t next = 0;
    const auto take = [&](std::initializer_list<const char*> names) {
      Estimates some;
      for (const char* name : names) some.emplace_back(name, estimates.at(next++));
      return some;
    };
    Evaluation evaluation;
    evaluation.samples = samples_;
    evaluation.metrics =
        take({"loss", "mean_average_precision", "mean_average_precision_voc", "f1_macro", "f1_micro", "accuracy"});
    if (!measured_.terms.empty()) evaluation.metrics.push_back(take({"consistency_loss"})[0]);
    for (int64_t k = 0; k < scores_.size(1); ++k) {
      const std::string& name = judging_.classes.at(static_cast<size_t>(k));
      evaluation.classes.push_back({name, positives_[k].item<int64_t>(), take({"f1", "average_precision"})});
    }
    for (size_t m = 0; m < maps(); ++m) {
      evaluation.maps.push_back(
          {measured_.maps[m], counts_[m], take({"iou", "iou_all", "pointing_game", "pointing_game_all"})});
    }
    for (const std::string& term : measured_.terms) evaluation.terms.push_back({term, samples_, take({"h"})});
    return evaluation;
  }

 private:
  size_t maps() const { return measured_.rows.numel() > 0 ? measured_.maps.size() : 0; }

  void ask_map(int64_t m) {
    const int64_t count = scores_.size(0);
    const at::Tensor rows = measured_.rows, all = measured_.classes.ge(0);
    const at::Tensor hits = decisions_.index({rows, measured_.classes});
    const at::Tensor iou = measured_.iou.select(1, m), pointing = measured_.pointing.select(1, m);
    for (const at::Tensor& values : {iou, pointing}) {
      means_.emplace_back(values, rows, hits, count);
      means_.emplace_back(values, rows, all, count);
    }
    counts_.push_back((iou.isnan().logical_not() & (rows < samples_)).sum().item<int64_t>());
  }

  const Measurement& measured_;
  const Judging& judging_;
  const int64_t samples_;
  const at::Tensor scores_;
  const Truth truth_;
  const at::Tensor decisions_;  // boolean [N,K]
  const at::Tensor positives_;  // [K]
  std::vector<RowMean> means_;  // four of every map
  std::vector<int64_t> counts_;
};

void require_fit(const Measurement& measurement, const Judging& judging) {
  const int64_t classes = measurement.answers.scores.size(1);
  if (static_cast<int64_t>(judging.classes.size()) == classes) return;
  throw Error(Fault::run, "the scores of " + std::to_string(classes) + " classes cannot be judged with " +
                              std::to_string(judging.classes.size()) + " names");
}

std::vector<Estimate> estimates_of(const std::vector<double>& values) {
  std::vector<Estimate> estimates(values.size());
  for (size_t i = 0; i < values.size(); ++i) estimates[i].value = values[i];
  return estimates;
}

}  // namespace

Evaluation judge(const Measurement& measurement, const Judging& judging) {
  require_fit(measurement, judging);
  const OneThread one_thread;
  const int64_t samples = measurement.answers.scores.size(0);
  const Questions questions(measurement, judging, samples);
  if (judging.resampling.samples == 0) return questions.named(estimates_of(questions(at::arange(samples, at::kLong))));
  std::vector<Estimate> estimates;
  for (const Interval& interval : bootstrap(samples, questions, judging.resampling)) {
    estimates.push_back({interval.value, interval.low, interval.high});
  }
  return questions.named(estimates);
}

Evaluation judge_difference(const Measurement& first, const Measurement& second, const Judging& judging) {
  require_fit(first, judging);
  const OneThread one_thread;
  const Measurement both = joined(first, second);
  const int64_t samples = first.answers.scores.size(0);
  const Questions questions(both, judging, samples);
  if (judging.resampling.samples == 0) {
    const at::Tensor rows = at::arange(samples, at::kLong);
    std::vector<double> values = questions(rows + samples);
    const std::vector<double> before = questions(rows);
    for (size_t i = 0; i < values.size(); ++i) values[i] -= before[i];
    return questions.named(estimates_of(values));
  }
  std::vector<Estimate> estimates;
  for (const PairedTest& test : compare_paired(samples, questions, judging.resampling)) {
    estimates.push_back({test.difference.value, test.difference.low, test.difference.high, test.p});
  }
  return questions.named(estimates);
}

}  // namespace attune
