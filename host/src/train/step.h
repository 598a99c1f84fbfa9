// One step of each training strategy.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <attune/consistency_loss.h>

#include "data/batch_loader.h"
#include "spec/train_config.h"
#include "train/optimiser.h"
#include "train/trainee.h"

namespace attune {

// Of what a step has; NaN otherwise.
struct StepReport {
  double loss = std::numeric_limits<double>::quiet_NaN();              // of labels
  double consistency_loss = std::numeric_limits<double>::quiet_NaN();  // before alpha
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();     // before clipping, of the last update
  double rate = 0;
};

// The updates of a stage. A step is a function of the model, the optimisers' state, the batch, a seed and a rate.
//
// supervised: the labels' loss, in training mode. finetune: the consistency loss, with evaluation statistics; labels
// are not looked at. combined: the sum of both gradients in one update. alternated: an update along the first, then one
// along alpha times the second, of the same batch.
//
// Where both losses are taken, the labels' graph has been walked back and freed before the consistency loss looks at
// the model, so that running statistics never change under a graph that still needs them.
class Stepper {
 public:
  // `consistency` is null for supervised; all outlive this.
  Stepper(const StageConfig& stage, Trainee& trainee, const ConsistencyLoss* consistency, const ImageModel& model);

  // Throws Error(Fault::run) when a loss or a gradient is not finite, before it reaches a parameter.
  StepReport step(const Batch& batch, uint64_t seed, double rate_share);

  // By name, for a checkpoint.
  NamedTensors state() const;
  void set_state(const NamedTensors& state);

 private:
  double add_supervised(const at::Tensor& input, const Batch& batch, uint64_t seed);
  double add_consistency(const at::Tensor& input, uint64_t seed);
  double update(Optimiser& optimiser, double rate_share);
  at::Tensor on_device(const at::Tensor& tensor) const;

  const StageConfig& stage_;
  Trainee& trainee_;
  const ConsistencyLoss* consistency_;
  const ImageModel& model_;
  std::vector<at::Tensor> parameters_;  // that are not frozen
  Optimiser optimiser_;
  std::optional<Optimiser> second_;  // of the consistency loss
};

}  // namespace attune
