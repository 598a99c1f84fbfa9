// One step after the other of a stage, with LibTorch's optimisers.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <attune/consistency_loss.h>

#include "config/train_config.h"
#include "data/batch_loader.h"
#include "model/run/training_model.h"
#include "strategy/strategy.h"
#include "train/model/unlabelled.h"

namespace torch::optim {
class Optimizer;
}

namespace attune {

// From a config.
class Optimiser {
 public:
  Optimiser(const OptimizerConfig& config, std::vector<at::Tensor> parameters);
  ~Optimiser();
  Optimiser(Optimiser&&) noexcept;

  // One step along the parameters' gradients at `share` of the config's rate.
  void step(double share);
  double rate(double share) const { return config_.lr * share; }

  // Everything but the rate, as bytes.
  at::Tensor state() const;
  void set_state(const at::Tensor& state);

 private:
  OptimizerConfig config_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
};

// The share of the first rate at step `step`, from 0, of `steps`; `per_epoch` of them are an epoch.
double rate_share(const ScheduleConfig& schedule, int64_t step, int64_t steps, int64_t per_epoch);

// Forgets gradients.
void clear_gradients(const std::vector<at::Tensor>& parameters);

// The norm of all gradients as one vector.
double gradient_norm(const std::vector<at::Tensor>& parameters);

// Scales gradients of that norm down to `most`; 0: never.
void clip_gradients(const std::vector<at::Tensor>& parameters, double norm, double most);

// The updates of a stage. A step is a function of the model, the optimisers' state, the batch, a seed and a rate; what
// it does is the stage's strategy.
class Trainer {
 public:
  // `consistency` is null where the strategy has no such loss; all outlive this. The seed is of what is drawn for the
  // stage.
  Trainer(const StageConfig& stage, TrainingModel& training_model, const ConsistencyLoss* consistency,
          const ImageModel& model, uint64_t seed);

  // `unlabelled`: without examples where the strategy takes none. Throws Error(Fault::run) when a loss or a gradient is
  // not finite, before it reaches a parameter.
  StepReport step(const Batch& batch, const Batch& unlabelled, uint64_t seed, double rate_share);

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
  std::optional<Projection> projection_;
  std::vector<at::Tensor> parameters_;  // that are not frozen, with the projection's
  Optimiser optimiser_;
  std::optional<Optimiser> second_;  // of the consistency loss
};

}  // namespace attune
