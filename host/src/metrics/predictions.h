// What a model says of N examples: scores, and where it looks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/classification.h"

namespace attune {

// The maps' part has a row for each of P pairs of an example and a class that it has boxes of (objects that are not
// difficult), and is empty without boxes.
struct Predictions {
  at::Tensor scores;              // double [N,K], on the CPU: before the softmax or sigmoid where the model has one
  Truth truth;                    // of the same rows
  std::vector<int64_t> examples;  // N, in the dataset
  std::vector<double> losses;     // of consistency, mean over samples, one for each that was asked for

  std::vector<std::string> terms;  // T of a spec
  at::Tensor agreement;            // double [N,T], h of each term, averaged over targets
  at::Tensor consistency_loss;     // double [N], what the spec makes of them

  std::vector<std::string> maps;  // M
  at::Tensor rows;                // int64 [P], of the scores
  at::Tensor classes;             // int64 [P], the class that the map explains
  at::Tensor iou;                 // double [P,M]; NaN where the boxes have no pixel in the input
  at::Tensor pointing;            // double [P,M], 1 for a hit; likewise

  int64_t size() const { return scores.size(0); }
};

}  // namespace attune
