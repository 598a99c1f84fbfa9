// A model looks at a dataset: its answers, and where it looks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "train/answers.h"

namespace attune {

// What was found of N examples. The maps' part has a row for each of P pairs of an example and a class that it has
// boxes of (objects that are not difficult), and is empty without boxes.
struct Measurement {
  Answers answers;

  std::vector<std::string> terms;  // T of the spec
  at::Tensor agreement;            // double [N,T], h of each term, averaged over targets
  at::Tensor consistency_loss;     // double [N], what the spec makes of them

  std::vector<std::string> maps;  // M
  at::Tensor rows;                // int64 [P], of the answers
  at::Tensor classes;             // int64 [P], the class that the map explains
  at::Tensor iou;                 // double [P,M]; NaN where the boxes have no pixel in the input
  at::Tensor pointing;            // double [P,M], 1 for a hit; likewise
};

class Measurer {
 public:
  // Looks at the maps of `spec` and at its terms; without a spec, at Grad-CAM alone. `labels` are for targets that the
  // spec names. Throws as ConsistencyLoss does.
  Measurer(std::shared_ptr<ImageModel> model, const Spec* spec, const Catalogue& catalogue, const Labels& labels = {});

  // Every example once, in its order, with evaluation statistics and without gradients. One forward pass of a batch
  // serves scores and the maps of every class that has boxes; the spec's terms take passes of their own. Throws
  // Error(Fault::run) when a score is not finite.
  Measurement measure(const Dataset& dataset, const LoaderOptions& options, const BatchDone& done = {}) const;

 private:
  std::shared_ptr<ImageModel> model_;
  std::optional<ConsistencyLoss> consistency_;
  std::vector<MapRequest> requests_;
};

// The same examples seen by two models, as one table: the first model's rows, then the second's.
Measurement joined(const Measurement& first, const Measurement& second);

}  // namespace attune
