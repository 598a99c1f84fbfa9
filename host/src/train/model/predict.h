// A model looks at a dataset: what it says, and where it looks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "data/batch_loader.h"
#include "metrics/metric.h"

namespace attune {

// Of a batch, also those that cannot be read.
inline int64_t examples_of(const Batch& batch) {
  return static_cast<int64_t>(batch.examples.size() + batch.problems.size());
}

// [N,K,H,W], boolean: where the objects of each class are that are not difficult; undefined where the loss asks for no
// annotation.
at::Tensor annotation_for(const ConsistencyLoss& loss, const Batch& batch);

// Told of every batch.
using BatchDone = std::function<void(const Batch&)>;

// Scores, and the means of `losses`, which are of the same model: every example once, in its order, with evaluation
// statistics and without gradients; methods that draw draw the same every time. Throws Error(Fault::run) when a score
// is not finite.
Predictions predict(ImageModel& model, const std::vector<const ConsistencyLoss*>& losses, const Dataset& dataset,
                    const LoaderOptions& options, const BatchDone& done = {});

// The same with maps and terms.
class Predictor {
 public:
  // Looks at the maps of `spec` and at its terms; without a spec, at Grad-CAM alone. `labels` are for targets that the
  // spec names. Throws as ConsistencyLoss does.
  Predictor(std::shared_ptr<ImageModel> model, const Spec* spec, const Catalogue& catalogue, const Labels& labels = {});

  // One forward pass of a batch serves scores and the maps of every class that has boxes; the spec's terms take passes
  // of their own.
  Predictions predict(const Dataset& dataset, const LoaderOptions& options, const BatchDone& done = {}) const;

 private:
  std::shared_ptr<ImageModel> model_;
  std::optional<ConsistencyLoss> consistency_;
  std::vector<MapRequest> requests_;
};

}  // namespace attune
