#include "train/answers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <cmath>
#include <limits>

#include <attune/sdk/error.h>

#include "train/objective.h"

namespace attune {
namespace {

at::Tensor scores_of(TorchScriptModel& model, const at::Tensor& input) {
  return model.forward(input, {}, false)->output();
}

at::Tensor joined(const std::vector<at::Tensor>& rows) { return rows.empty() ? at::Tensor() : at::cat(rows); }

}  // namespace

Answers answers_of(TorchScriptModel& model, const ConsistencyLoss* consistency, const Dataset& dataset,
                   const LoaderOptions& options) {
  const at::NoGradGuard no_grad;
  model.refresh();  // batch norm's statistics change without a trace
  Answers answers;
  std::vector<at::Tensor> scores, labels, weights;
  double sum = 0;
  BatchLoader loader(dataset, in_order(dataset.size()), options);
  while (const auto batch = loader.next()) {
    answers.problems.insert(answers.problems.end(), batch->problems.begin(), batch->problems.end());
    if (batch->examples.empty()) continue;
    const at::Tensor input = batch->input.to(model.device(), model.dtype());
    if (consistency == nullptr) {
      scores.push_back(scores_of(model, input).cpu().to(at::kDouble));
    } else {
      const LossResult result = (*consistency)(input);
      const bool is_mean = consistency->spec().reduction == Reduction::mean;
      sum += result.loss.item<double>() * (is_mean ? static_cast<double>(batch->examples.size()) : 1);
      scores.push_back(result.scores.cpu().to(at::kDouble));
    }
    labels.push_back(batch->labels);
    weights.push_back(batch->weights);
    answers.examples.insert(answers.examples.end(), batch->examples.begin(), batch->examples.end());
  }
  if (answers.examples.empty()) throw Error(Fault::input, "none of the examples can be read");
  answers.scores = joined(scores);
  answers.truth = {joined(labels), joined(weights)};
  answers.consistency_loss = consistency == nullptr ? std::numeric_limits<double>::quiet_NaN()
                                                    : sum / static_cast<double>(answers.examples.size());
  if (!at::isfinite(answers.scores).all().item<bool>()) {
    throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
  }
  return answers;
}

std::vector<std::pair<std::string, double>> judged(const Answers& answers, Task task, Objective loss) {
  const Truth& truth = answers.truth;
  const at::Tensor decisions =
      task == Task::multi_label ? decide_above(answers.scores, 0) : decide_highest(answers.scores);
  std::vector<std::pair<std::string, double>> numbers = {
      {"loss", objective(loss, answers.scores, truth.labels, truth.weights).item<double>()},
      {"mean_average_precision", mean_of_defined(average_precision(answers.scores, truth))},
      {"f1_macro", mean_of_defined(f1(decisions, truth))},
      {"f1_micro", micro_f1(decisions, truth)},
      {"accuracy", accuracy(decisions, truth)}};
  if (std::isfinite(answers.consistency_loss)) numbers.emplace_back("consistency_loss", answers.consistency_loss);
  return numbers;
}

}  // namespace attune
