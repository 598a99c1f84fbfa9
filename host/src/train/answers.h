// What a model says of a dataset.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "data/batch_loader.h"
#include "evaluate/classification.h"
#include "spec/train_config.h"

namespace attune {

struct Answers {
  at::Tensor scores;              // double [N,K], on the CPU: before the softmax or sigmoid where the model has one
  Truth truth;                    // of the same rows
  std::vector<int64_t> examples;  // N, in the dataset
  std::vector<Problem> problems;  // of examples that are missing
  std::vector<double> losses;     // of consistency, mean over samples, one for each that was asked for
};

// Told of every batch, which has so many examples.
using BatchDone = std::function<void(int64_t examples)>;

// Every example once, in its order, with evaluation statistics and without gradients; `losses` are of the same model,
// and methods that draw draw the same every time. Throws Error(Fault::run) when a score is not finite.
Answers answers_of(ImageModel& model, const std::vector<const ConsistencyLoss*>& losses, const Dataset& dataset,
                   const LoaderOptions& options, const BatchDone& done = {});

// Numbers that a model is judged by: the labels' loss and, with decisions at a probability of 0.5 or, for exclusive
// classes, of the highest score, F1, average precision and accuracy. "loss", "mean_average_precision", "f1_macro",
// "f1_micro", "accuracy" and, of the first consistency loss when there is one, "consistency_loss".
std::vector<std::pair<std::string, double>> judged(const Answers& answers, Task task, Objective loss);

}  // namespace attune
