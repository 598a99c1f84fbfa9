// One step after the other of a stage.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <optional>
#include <vector>

#include <attune/consistency_loss.h>

#include "config/train_config.h"
#include "data/batch_loader.h"
#include "model/run/training_model.h"
#include "strategy/strategy.h"
#include "train/model/optimiser.h"

namespace attune {

// The updates of a stage. A step is a function of the model, the optimisers' state, the batch, a seed and a rate; what
// it does is the stage's strategy.
class Trainer {
 public:
  // `consistency` is null for supervised; all outlive this.
  Trainer(const StageConfig& stage, TrainingModel& training_model, const ConsistencyLoss* consistency,
          const ImageModel& model);

  // Throws Error(Fault::run) when a loss or a gradient is not finite, before it reaches a parameter.
  StepReport step(const Batch& batch, uint64_t seed, double rate_share);

  // By name, for a checkpoint.
  NamedTensors state() const;
  void set_state(const NamedTensors& state);

 private:
  class Step;
  double update(Optimiser& optimiser, double rate_share);
  at::Tensor on_device(const at::Tensor& tensor) const;

  const StageConfig& stage_;
  TrainingModel& training_model_;
  const ConsistencyLoss* consistency_;
  const ImageModel& model_;
  std::vector<at::Tensor> parameters_;  // that are not frozen
  Optimiser optimiser_;
  std::optional<Optimiser> second_;  // of the consistency loss
};

}  // namespace attune
