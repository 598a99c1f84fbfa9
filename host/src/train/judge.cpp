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

using Statistics = std::vector<std::pair<std::string, Statistic>>;

struct StatisticsOf {
  std::string name;
  at::Tensor counted;  // double [N], what each sample adds to the count
  Statistics statistics;
};

// Everything that is asked of a measurement, as statistics of its rows.
struct Questions {
  Statistics metrics;
  std::vector<StatisticsOf> classes, maps, terms;
};

Truth column(const Truth& truth, int64_t k) {
  return {truth.labels.narrow(1, k, 1), truth.weights.defined() ? truth.weights.narrow(1, k, 1) : at::Tensor()};
}

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
Statistic mean_of_rows(const at::Tensor& values, const at::Tensor& rows, const at::Tensor& chosen, int64_t count) {
  const at::Tensor kept = (values.isnan().logical_not() & chosen).nonzero().squeeze(1);
  const at::Tensor of = rows.index_select(0, kept), some = values.index_select(0, kept);
  const at::Tensor sums = at::zeros({count}, at::kDouble).index_add(0, of, some);
  const at::Tensor counts = at::zeros({count}, at::kDouble).index_add(0, of, some.new_ones(some.sizes()));
  return [sums, counts](const at::Tensor& drawn) {  // 0 / 0, not a number, where none is drawn
    return (sums.index_select(0, drawn).sum() / counts.index_select(0, drawn).sum()).item<double>();
  };
}

Statistic mean_of_samples(const at::Tensor& values) {
  return [values](const at::Tensor& drawn) { return values.index_select(0, drawn).mean().item<double>(); };
}

class Asking {
 public:
  // `samples`: the rows of one model.
  Asking(const Measurement& measured, const Judging& judging, int64_t samples)
      : measured_(measured),
        judging_(judging),
        scores_(measured.answers.scores),
        truth_(measured.answers.truth),
        decisions_(judging.task == Task::multi_label ? decide_above(scores_, 0) : decide_highest(scores_)),
        counted_(positives({truth_.labels.narrow(0, 0, samples), truth_.weights.narrow(0, 0, samples)}) >=
                 judging.least) {}

  Questions ask() const {
    Questions questions;
    ask_labels(questions.metrics);
    for (int64_t k = 0; k < scores_.size(1); ++k) questions.classes.push_back(ask_class(k));
    if (measured_.rows.numel() > 0) {
      for (size_t m = 0; m < measured_.maps.size(); ++m) questions.maps.push_back(ask_map(m));
    }
    if (measured_.terms.empty()) return questions;
    questions.metrics.emplace_back("consistency_loss", mean_of_samples(measured_.consistency_loss));
    for (size_t t = 0; t < measured_.terms.size(); ++t) {
      const at::Tensor values = measured_.agreement.select(1, static_cast<int64_t>(t));
      questions.terms.push_back(
          {measured_.terms[t], values.new_ones(values.sizes()), {{"h", mean_of_samples(values)}}});
    }
    return questions;
  }

 private:
  void ask_labels(Statistics& metrics) const {
    const at::Tensor scores = scores_, decisions = decisions_, counted = counted_;
    const Truth truth = truth_;
    const Objective loss = judging_.loss;
    metrics.emplace_back("loss", [=](const at::Tensor& rows) {
      const Truth drawn = select(truth, rows);
      return objective(loss, scores.index_select(0, rows), drawn.labels, drawn.weights).item<double>();
    });
    const auto precision = [=](PrecisionCurve curve) {
      return [=](const at::Tensor& rows) {
        const Truth drawn = select(truth, rows);
        return mean_of_defined(average_precision(scores.index_select(0, rows), drawn, curve), counted);
      };
    };
    const auto decided = [=](auto metric) {
      return [=](const at::Tensor& rows) { return metric(decisions.index_select(0, rows), select(truth, rows)); };
    };
    metrics.emplace_back("mean_average_precision", precision(PrecisionCurve::steps));
    metrics.emplace_back("mean_average_precision_voc", precision(PrecisionCurve::voc2012));
    metrics.emplace_back(
        "f1_macro", decided([=](const at::Tensor& d, const Truth& t) { return mean_of_defined(f1(d, t), counted); }));
    metrics.emplace_back("f1_micro", decided(micro_f1));
    metrics.emplace_back("accuracy", decided(accuracy));
  }

  StatisticsOf ask_class(int64_t k) const {
    const at::Tensor scores = scores_.narrow(1, k, 1), decisions = decisions_.narrow(1, k, 1);
    const Truth truth = column(truth_, k);
    const Statistic f = [=](const at::Tensor& rows) {
      return f1(decisions.index_select(0, rows), select(truth, rows)).item<double>();
    };
    const Statistic precision = [=](const at::Tensor& rows) {
      return average_precision(scores.index_select(0, rows), select(truth, rows)).item<double>();
    };
    const at::Tensor counted = (truth.labels.ne(0) & truth.weights.ne(0)).squeeze(1).to(at::kDouble);
    return {judging_.classes.at(static_cast<size_t>(k)), counted, {{"f1", f}, {"average_precision", precision}}};
  }

  StatisticsOf ask_map(size_t m) const {
    const int64_t count = scores_.size(0);
    const at::Tensor rows = measured_.rows, all = measured_.classes.ge(0);
    const at::Tensor hits = decisions_.index({rows, measured_.classes});
    const at::Tensor iou = measured_.iou.select(1, static_cast<int64_t>(m));
    const at::Tensor pointing = measured_.pointing.select(1, static_cast<int64_t>(m));
    const at::Tensor counted = at::zeros({count}, at::kDouble).index_add(0, rows, iou.new_ones(iou.sizes()));
    return {measured_.maps[m],
            counted,
            {{"iou", mean_of_rows(iou, rows, hits, count)},
             {"iou_all", mean_of_rows(iou, rows, all, count)},
             {"pointing_game", mean_of_rows(pointing, rows, hits, count)},
             {"pointing_game_all", mean_of_rows(pointing, rows, all, count)}}};
  }

  const Measurement& measured_;
  const Judging& judging_;
  const at::Tensor scores_;
  const Truth truth_;
  const at::Tensor decisions_;  // boolean [N,K]
  const at::Tensor counted_;    // boolean [K], classes that count in means
};

void require_fit(const Measurement& measurement, const Judging& judging) {
  const int64_t classes = measurement.answers.scores.size(1);
  if (static_cast<int64_t>(judging.classes.size()) == classes) return;
  throw Error(Fault::run, "the scores of " + std::to_string(classes) + " classes cannot be judged with " +
                              std::to_string(judging.classes.size()) + " names");
}

template <class Answer>
Evaluation answered(const Questions& questions, int64_t samples, const Answer& answer) {
  const auto estimates = [&](const Statistics& statistics) {
    Estimates all;
    for (const auto& [name, statistic] : statistics) all.emplace_back(name, answer(statistic));
    return all;
  };
  const auto list = [&](const std::vector<StatisticsOf>& several) {
    std::vector<EstimatesOf> all;
    for (const StatisticsOf& of : several) {
      const auto count = static_cast<int64_t>(of.counted.narrow(0, 0, samples).sum().item<double>());
      all.push_back({of.name, count, estimates(of.statistics)});
    }
    return all;
  };
  return {samples, estimates(questions.metrics), list(questions.classes), list(questions.maps), list(questions.terms)};
}

}  // namespace

Evaluation judge(const Measurement& measurement, const Judging& judging) {
  require_fit(measurement, judging);
  const OneThread one_thread;
  const int64_t samples = measurement.answers.scores.size(0);
  const at::Tensor rows = at::arange(samples, at::kLong);
  return answered(Asking(measurement, judging, samples).ask(), samples, [&](const Statistic& statistic) {
    Estimate estimate;
    if (judging.resampling.samples == 0) {
      estimate.value = statistic(rows);
    } else {
      const Interval interval = bootstrap(samples, statistic, judging.resampling);
      estimate = {interval.value, interval.low, interval.high};
    }
    return estimate;
  });
}

Evaluation judge_difference(const Measurement& first, const Measurement& second, const Judging& judging) {
  require_fit(first, judging);
  const OneThread one_thread;
  const Measurement both = joined(first, second);
  const int64_t samples = first.answers.scores.size(0);
  const at::Tensor rows = at::arange(samples, at::kLong);
  return answered(Asking(both, judging, samples).ask(), samples, [&](const Statistic& statistic) {
    Estimate estimate;
    if (judging.resampling.samples == 0) {
      estimate.value = statistic(rows + samples) - statistic(rows);
    } else {
      const PairedTest test = compare_paired(samples, statistic, judging.resampling);
      estimate = {test.difference.value, test.difference.low, test.difference.high, test.p};
    }
    return estimate;
  });
}

}  // namespace attune
