#include "train/answers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>

#include <attune/sdk/error.h>

#include "train/objective.h"

namespace attune {
namespace {

at::Tensor scores_of(ImageModel& model, const at::Tensor& input) { return model.forward(input, {}, false)->output(); }

// The loss of a batch, summed over its samples.
double summed(const ConsistencyLoss& loss, const LossResult& result, size_t samples) {
  const bool is_mean = loss.spec().reduction == Reduction::mean;
  return result.loss.item<double>() * (is_mean ? static_cast<double>(samples) : 1);
}

}  // namespace

Answers answers_of(ImageModel& model, const std::vector<const ConsistencyLoss*>& losses, const Dataset& dataset,
                   const LoaderOptions& options, const BatchDone& done) {
  const at::NoGradGuard no_grad;
  model.refresh();  // batch norm's statistics change without a trace
  for (const ConsistencyLoss* loss : losses) loss->seed(0);
  Answers answers;
  answers.losses.resize(losses.size());
  std::vector<at::Tensor> scores, labels, weights;
  BatchLoader loader(dataset, in_order(dataset.size()), options);
  while (const auto batch = loader.next()) {
    if (done) done(static_cast<int64_t>(batch->examples.size() + batch->problems.size()));
    answers.problems.insert(answers.problems.end(), batch->problems.begin(), batch->problems.end());
    if (batch->examples.empty()) continue;
    const at::Tensor input = batch->input.to(model.device(), model.dtype());
    at::Tensor found;
    for (size_t i = 0; i < losses.size(); ++i) {
      const LossResult result = (*losses[i])(input);
      answers.losses[i] += summed(*losses[i], result, batch->examples.size());
      found = result.scores;
    }
    if (losses.empty()) found = scores_of(model, input);
    scores.push_back(model.logits(found.cpu().to(at::kDouble)));
    labels.push_back(batch->labels);
    weights.push_back(batch->weights);
    answers.examples.insert(answers.examples.end(), batch->examples.begin(), batch->examples.end());
  }
  if (answers.examples.empty()) throw Error(Fault::input, "none of the examples can be read");
  answers.scores = at::cat(scores);
  answers.truth = {at::cat(labels), at::cat(weights)};
  for (double& loss : answers.losses) loss /= static_cast<double>(answers.examples.size());
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
  if (!answers.losses.empty()) numbers.emplace_back("consistency_loss", answers.losses[0]);
  return numbers;
}

}  // namespace attune
