// LibTorch's optimisers from a config, and the rate of every step.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "config/train_config.h"

namespace torch::optim {
class Optimizer;
}

namespace attune {

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

}  // namespace attune
