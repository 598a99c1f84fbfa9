#include "metrics/metric.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <utility>

namespace attune {
namespace {

constexpr double out_of_question = -1e30;  // as a score: no share of the softmax, and still a number
const char* const last_epoch = "last";

}  // namespace

at::Tensor objective(Objective kind, const at::Tensor& scores, const at::Tensor& labels, const at::Tensor& weights) {
  const at::Tensor wanted = labels.to(scores.options()), sure = weights.to(scores.options());
  if (kind == Objective::bce) {
    const at::Tensor each = at::binary_cross_entropy_with_logits(scores, wanted, {}, {}, at::Reduction::None);
    return (each * sure).sum() / sure.sum().clamp_min(1);
  }
  const at::Tensor counts = wanted.sum(1, /*keepdim=*/true);
  const at::Tensor shares = wanted / counts.clamp_min(1);
  const at::Tensor open = scores.masked_fill((sure == 0) & (wanted == 0), out_of_question);
  const at::Tensor each = -(shares * at::log_softmax(open, 1)).sum(1);
  return each.sum() / counts.gt(0).sum().clamp_min(1);
}

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> all = {
      {"loss", "the loss of the labels that the last stage trains with", Better::lower, "loss of the labels", "loss",
       false,
       [](const Rows& rows) {
         return objective(rows.loss(), rows.scores(), rows.truth().labels, rows.truth().weights).item<double>();
       }},
      {"mean_average_precision", "the mean over classes of the area under the curve of precision over recall",
       Better::higher, "mean average precision", "mean_average_precision", false,
       [](const Rows& rows) { return mean_of_defined(rows.average_precision(), rows.counted()); }},
      {"mean_average_precision_voc",
       "the same with the highest precision at this recall or above, as PASCAL VOC since 2010", Better::higher,
       "mean average precision (VOC)", "", false,
       [](const Rows& rows) {
         const auto curve = PrecisionCurve::voc2012;
         return mean_of_defined(average_precision(rows.scores(), rows.truth(), curve), rows.counted());
       }},
      {"f1_macro", "the mean over classes of F1", Better::higher, "F1, macro", "f1_macro", false,
       [](const Rows& rows) { return mean_of_defined(rows.f1(), rows.counted()); }},
      {"f1_micro", "F1 of all decisions together", Better::higher, "F1, micro", "f1_micro", false,
       [](const Rows& rows) { return micro_f1(rows.decisions(), rows.truth()); }},
      {"accuracy", "the share of examples with every class decided right", Better::higher, "accuracy", "accuracy",
       false, [](const Rows& rows) { return accuracy(rows.decisions(), rows.truth()); }},
      {"consistency_loss", "the mean over examples of the spec's loss", Better::lower, "consistency loss",
       "consistency", true, [](const Rows& rows) { return rows.consistency_loss(); }}};
  return all;
}

const std::vector<ClassMetric>& class_metrics() {
  static const std::vector<ClassMetric> all = {
      {"f1", "2 TP / (2 TP + FP + FN)", &Rows::f1},
      {"average_precision", "the area under the curve of precision over recall", &Rows::average_precision}};
  return all;
}

const std::vector<MapMetric>& map_metrics() {
  static const std::vector<MapMetric> all = {
      {"iou", "intersection over union with the boxes, of classes that the model decides for", &Predictions::iou, true},
      {"iou_all", "the same of all classes with boxes", &Predictions::iou, false},
      {"pointing_game", "the share of maps whose highest pixel lies in a box, of classes that the model decides for",
       &Predictions::pointing, true},
      {"pointing_game_all", "the same of all classes with boxes", &Predictions::pointing, false}};
  return all;
}

std::vector<Metric> validation_metrics() {
  std::vector<Metric> some;
  for (const Metric& metric : metrics()) {
    if (!metric.select.empty()) some.push_back(metric);
  }
  return some;
}

std::string validation_column(const std::string& metric) { return "validation_" + metric; }

const std::vector<std::string>& select_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Better better : {Better::higher, Better::lower}) {
      for (const Metric& metric : validation_metrics()) {
        if (metric.better == better) all.push_back(metric.select);
      }
    }
    all.emplace_back(last_epoch);
    return all;
  }();
  return names;
}

const Metric* selecting_metric(const std::string& select) {
  if (select == last_epoch) return nullptr;
  const auto is_it = [&](const Metric& metric) { return metric.select == select; };
  const auto found = std::find_if(metrics().begin(), metrics().end(), is_it);
  return found == metrics().end() ? nullptr : &*found;
}

std::vector<std::pair<std::string, double>> validation_numbers(const Predictions& predictions, Task task,
                                                               Objective loss) {
  const MetricInputs all = metric_inputs(predictions, task, loss, 1, predictions.size());
  const Rows rows(all, at::arange(predictions.size(), at::kLong));
  std::vector<std::pair<std::string, double>> numbers;
  for (const Metric& metric : validation_metrics()) {
    if (!metric.needs_spec || !predictions.losses.empty()) numbers.emplace_back(metric.name, metric.value(rows));
  }
  return numbers;
}

MetricInputs metric_inputs(const Predictions& predictions, Task task, Objective loss, int64_t least, int64_t samples) {
  const auto& [labels, weights] = predictions.truth;
  const at::Tensor sure = positives({labels.narrow(0, 0, samples), weights.narrow(0, 0, samples)});
  return {predictions, loss,
          task == Task::multi_label ? decide_above(predictions.scores, 0) : decide_highest(predictions.scores), sure,
          sure >= least};
}

Rows::Rows(const MetricInputs& all, const at::Tensor& rows)
    : all_(all),
      rows_(rows),
      scores_(all.predictions.scores.index_select(0, rows)),
      decisions_(all.decisions.index_select(0, rows)),
      truth_(select(all.predictions.truth, rows)) {}

const at::Tensor& Rows::f1() const {
  if (!f1_.defined()) f1_ = attune::f1(decisions_, truth_);
  return f1_;
}

const at::Tensor& Rows::average_precision() const {
  if (!average_precision_.defined()) average_precision_ = attune::average_precision(scores_, truth_);
  return average_precision_;
}

// After an epoch only the mean over all rows is known.
double Rows::consistency_loss() const {
  const Predictions& all = all_.predictions;
  if (!all.consistency_loss.defined()) return all.losses.at(0);
  return all.consistency_loss.index_select(0, rows_).mean().item<double>();
}

at::Tensor Rows::agreement() const { return all_.predictions.agreement.index_select(0, rows_).mean(0); }

}  // namespace attune
