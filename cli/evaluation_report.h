// An evaluation as people and spreadsheets read it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "metrics/evaluation.h"

namespace attune::cli {

// Every number with its interval.
void print_evaluation(std::ostream& out, const Evaluation& evaluation);

// One model on several parts of the data, side by side; without its classes.
void print_parts(std::ostream& out, const std::vector<std::pair<std::string, Evaluation>>& parts);

// Files that were left out: how many, and the first of them by name; nothing when there are none. `problems` as in the
// documents.
void print_left_out(std::ostream& out, const nlohmann::ordered_json& problems);

// Two models side by side, their difference with its interval, and its p.
void print_comparison(std::ostream& out, const Evaluation& model, const Evaluation& against,
                      const Evaluation& difference);

// One line for each sample: its classes and those that the model says, scores, and what its maps found, averaged over
// its classes. Nothing stands where nothing is defined.
std::string samples_csv(const Predictions& predictions, const Dataset& dataset, Task task);

}  // namespace attune::cli
