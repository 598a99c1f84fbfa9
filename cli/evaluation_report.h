// An evaluation as people and spreadsheets read it.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "spec/evaluation.h"
#include "train/judge.h"

namespace attune::cli {

// Every number with its interval.
void print_evaluation(std::ostream& out, const Evaluation& evaluation);

// Two models side by side, their difference with its interval, and its p.
void print_comparison(std::ostream& out, const Evaluation& model, const Evaluation& against,
                      const Evaluation& difference);

// One line for each sample: its classes and those that the model says, scores, and what its maps found, averaged over
// its classes. Nothing stands where nothing is defined.
std::string samples_csv(const Measurement& measurement, const Dataset& dataset, Task task);

}  // namespace attune::cli
