// Every metric, declared once: evaluation and its documents, validation, "select", the columns of log.csv and the
// curves read these tables. A new metric is one entry.
#pragma once

#include <utility>

#include "metrics/predictions.h"

namespace attune {

// The losses of labels.

// Whether a sample has any number of classes, or one.
enum class Task { multi_label, single_label };
enum class Objective { bce, cross_entropy };

// Scores [N,K] against labels [N,K], 1 where a sample has the class, weights [N,K], 0 where that is unsure: a scalar.
//
// bce: binary cross-entropy of every sure label, averaged. cross_entropy: of the softmax against the labels of a
// sample, in equal shares where it has several, averaged over the samples that have one; unsure classes have no
// part in a sample's softmax.
at::Tensor objective(Objective kind, const at::Tensor& scores, const at::Tensor& labels, const at::Tensor& weights);

// Predictions with what all metrics take of them.
struct MetricInputs {
  const Predictions& predictions;
  Objective loss = Objective::bce;
  at::Tensor decisions;  // boolean [N,K], at a probability of 0.5 or, of exclusive classes, the highest score
  at::Tensor counted;    // boolean [K], classes that are part of means over classes
};
// `least`: as in EvaluationOptions; of the first `samples` rows.
MetricInputs metric_inputs(const Predictions& predictions, Task task, Objective loss, int64_t least, int64_t samples);

// Some rows of predictions, named as often as a resampling draws them. What several metrics share is computed once.
class Rows {
 public:
  Rows(const MetricInputs& all, const at::Tensor& rows);

  Objective loss() const { return all_.loss; }
  const at::Tensor& counted() const { return all_.counted; }
  const at::Tensor& scores() const { return scores_; }
  const at::Tensor& decisions() const { return decisions_; }
  const Truth& truth() const { return truth_; }
  const at::Tensor& f1() const;                 // [K]
  const at::Tensor& average_precision() const;  // [K]
  double consistency_loss() const;
  at::Tensor agreement() const;  // [T]

 private:
  const MetricInputs& all_;
  const at::Tensor rows_;
  const at::Tensor scores_;
  const at::Tensor decisions_;
  const Truth truth_;
  mutable at::Tensor f1_;
  mutable at::Tensor average_precision_;
};

enum class Better { higher, lower };

// One number of a model.
struct Metric {
  std::string name;      // in documents and, behind "validation_", in logs
  std::string measures;  // in words
  Better better = Better::higher;
  std::string title;        // in curves
  std::string select;       // what "select" calls it; "": it is not taken after every epoch
  bool needs_spec = false;  // there is none without a consistency loss
  double (*value)(const Rows&) = nullptr;
};
const std::vector<Metric>& metrics();

// One number of every class.
struct ClassMetric {
  std::string name;
  std::string measures;
  const at::Tensor& (Rows::*values)() const = nullptr;  // [K]
};
const std::vector<ClassMetric>& class_metrics();

// One number of every map: the mean over pairs of an example and a class.
struct MapMetric {
  std::string name;
  std::string measures;
  at::Tensor Predictions::*values = nullptr;  // [P,M]
  bool of_hits = false;                       // only of classes that the model decides for
};
const std::vector<MapMetric>& map_metrics();

// The only number of a spec's term: its agreement.
inline const char* const term_metric = "h";

// Those that are taken after every epoch, in the order of log.csv; and the column of one there.
std::vector<Metric> validation_metrics();
std::string validation_column(const std::string& metric);

// What "select" may say: metrics, larger is better first, then "last".
const std::vector<std::string>& select_names();
// The metric that it names; null for "last", which takes the model after the last epoch.
const Metric* selecting_metric(const std::string& select);

// Those numbers of all rows, by name.
std::vector<std::pair<std::string, double>> validation_numbers(const Predictions& predictions, Task task,
                                                               Objective loss);

}  // namespace attune
