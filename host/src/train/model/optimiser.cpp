#include "train/model/optimiser.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <cmath>
#include <cstring>
#include <numbers>
#include <sstream>
#include <string>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <attune/sdk/error.h>

#include "model/failure.h"

namespace attune {
namespace {

using torch::optim::Optimizer;

template <class Options>
Options adaptive(const OptimizerConfig& config) {
  return Options(config.lr)
      .betas(std::make_tuple(config.beta1, config.beta2))
      .eps(config.epsilon)
      .weight_decay(config.weight_decay);
}

std::unique_ptr<Optimizer> make(const OptimizerConfig& config, std::vector<at::Tensor> parameters) {
  using namespace torch::optim;
  switch (config.kind) {
    case OptimizerConfig::Kind::adam:
      return std::make_unique<Adam>(std::move(parameters), adaptive<AdamOptions>(config));
    case OptimizerConfig::Kind::adamw:
      return std::make_unique<AdamW>(std::move(parameters), adaptive<AdamWOptions>(config));
    default:
      return std::make_unique<SGD>(
          std::move(parameters),
          SGDOptions(config.lr).momentum(config.momentum).nesterov(config.nesterov).weight_decay(config.weight_decay));
  }
}

}  // namespace

Optimiser::Optimiser(const OptimizerConfig& config, std::vector<at::Tensor> parameters)
    : config_(config), optimizer_(make(config, std::move(parameters))) {}
Optimiser::~Optimiser() = default;
Optimiser::Optimiser(Optimiser&&) noexcept = default;

void Optimiser::step(double share) {
  for (auto& group : optimizer_->param_groups()) group.options().set_lr(rate(share));
  optimizer_->step();
}

at::Tensor Optimiser::state() const {
  torch::serialize::OutputArchive archive;
  optimizer_->save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string bytes = stream.str();
  at::Tensor state = at::empty({static_cast<int64_t>(bytes.size())}, at::kByte);
  std::memcpy(state.data_ptr(), bytes.data(), bytes.size());
  return state;
}

void Optimiser::set_state(const at::Tensor& state) {
  try {
    const at::Tensor bytes = state.to(at::kByte).contiguous();
    torch::serialize::InputArchive archive;
    archive.load_from(static_cast<const char*>(bytes.data_ptr()), static_cast<size_t>(bytes.numel()),
                      optimizer_->param_groups()[0].params()[0].device());
    optimizer_->load(archive);
  } catch (const std::exception& error) {
    throw Error(Fault::input, "the optimizer's saved state does not fit: " + reason_of(error));
  }
}

double rate_share(const ScheduleConfig& schedule, int64_t step, int64_t steps, int64_t per_epoch) {
  const double warm_up = schedule.warm_up * static_cast<double>(steps);
  const double at = static_cast<double>(step);
  const double rise = at + 1 < warm_up ? (at + 1) / warm_up : 1;
  switch (schedule.kind) {
    case ScheduleConfig::Kind::cosine: {
      const double left = static_cast<double>(steps) - warm_up;
      const double done = at > warm_up && left > 0 ? (at - warm_up) / left : 0;
      return rise * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
    }
    case ScheduleConfig::Kind::step:
      return rise * std::pow(schedule.factor, static_cast<double>(step / per_epoch / schedule.every));
    default:
      return rise;
  }
}

void clear_gradients(const std::vector<at::Tensor>& parameters) {
  for (at::Tensor parameter : parameters) parameter.mutable_grad() = at::Tensor();
}

double gradient_norm(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) norms.push_back(at::linalg_vector_norm(parameter.grad(), 2));
  }
  return norms.empty() ? 0 : at::linalg_vector_norm(at::stack(norms), 2).item<double>();
}

void clip_gradients(const std::vector<at::Tensor>& parameters, double norm, double most) {
  if (most <= 0 || norm <= most) return;
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) parameter.grad().mul_(most / norm);
  }
}

}  // namespace attune
