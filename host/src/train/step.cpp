#include "train/step.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "metrics/objective.h"

namespace attune {
namespace {

double finite(const at::Tensor& loss, const char* what) {
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) {
    throw Error(Fault::run, std::string(what) + " is not finite (" + (std::isnan(value) ? "NaN" : "infinity") + ")");
  }
  return value;
}

// LibTorch's own draws on the processor and on a device follow a seed, and afterwards go on as if there had been none.
class SeededDraws {
 public:
  SeededDraws(c10::Device device, uint64_t seed) {
    add(at::detail::getDefaultCPUGenerator(), seed);
    if (!device.is_cpu()) add(at::globalContext().defaultGenerator(device), seed);
  }
  ~SeededDraws() {
    for (auto& [generator, state] : before_) {
      const std::lock_guard<std::mutex> lock(generator.mutex());
      generator.set_state(state);
    }
  }
  SeededDraws(const SeededDraws&) = delete;
  SeededDraws& operator=(const SeededDraws&) = delete;

 private:
  void add(at::Generator generator, uint64_t seed) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    before_.emplace_back(generator, generator.get_state());
    generator.set_current_seed(seed);
  }

  std::vector<std::pair<at::Generator, at::Tensor>> before_;
};

}  // namespace

Stepper::Stepper(const StageConfig& stage, Trainee& trainee, const ConsistencyLoss* consistency,
                 const TorchScriptModel& model)
    : stage_(stage),
      trainee_(trainee),
      consistency_(consistency),
      model_(model),
      parameters_(trainee.freeze(stage.freeze, stage.unfreeze)),
      optimiser_(stage.optimizer, parameters_) {
  trainee.train(!stage.freeze_statistics);
  if (stage.consistency_optimizer) second_.emplace(*stage.consistency_optimizer, parameters_);
}

at::Tensor Stepper::on_device(const at::Tensor& tensor) const {
  const at::Tensor& like = parameters_[0];
  return tensor.to(like.device(), like.scalar_type());
}

double Stepper::add_supervised(const at::Tensor& input, const Batch& batch, uint64_t seed) {
  const SeededDraws draws(input.device(), seed);  // dropout
  const at::Tensor scores = model_.logits(trainee_.forward(input, model_.options().output));
  const at::Tensor loss = objective(stage_.loss, scores, batch.labels, batch.weights);
  const double value = finite(loss, "the loss of the labels");
  loss.backward();
  return value;
}

double Stepper::add_consistency(const at::Tensor& input, uint64_t seed) {
  consistency_->seed(seed);  // of methods that draw
  const at::Tensor loss = (*consistency_)(input).loss;
  const double value = finite(loss, "the consistency loss");
  if (!loss.requires_grad()) throw Error(Fault::spec, "the spec stops every gradient; there is none to train with");
  (stage_.strategy == Strategy::finetune ? loss : loss * stage_.alpha).backward();
  return value;
}

double Stepper::update(Optimiser& optimiser, double rate_share) {
  const double norm = gradient_norm(parameters_);
  if (!std::isfinite(norm)) throw Error(Fault::run, "the gradient is not finite (NaN or infinity)");
  clip_gradients(parameters_, norm, stage_.clip);
  optimiser.step(rate_share);
  clear_gradients(parameters_);
  return norm;
}

StepReport Stepper::step(const Batch& batch, uint64_t seed, double rate_share) {
  const at::AutoGradMode with_gradients(true);
  StepReport report;
  report.rate = optimiser_.rate(rate_share);
  clear_gradients(parameters_);
  const at::Tensor input = on_device(batch.input);
  if (stage_.strategy != Strategy::finetune) report.loss = add_supervised(input, batch, seed);
  if (stage_.strategy == Strategy::alternated) update(optimiser_, rate_share);
  if (stage_.strategy != Strategy::supervised) report.consistency_loss = add_consistency(input, seed);
  const bool is_second = stage_.strategy == Strategy::alternated && second_;
  report.gradient_norm = update(is_second ? *second_ : optimiser_, rate_share);
  return report;
}

NamedTensors Stepper::state() const {
  NamedTensors state{{"optimizer", optimiser_.state()}};
  if (second_) state["consistency_optimizer"] = second_->state();
  return state;
}

void Stepper::set_state(const NamedTensors& state) {
  const auto saved = [&](const char* name) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error(Fault::input, std::string("the checkpoint has no state of the ") + name);
    return found->second;
  };
  optimiser_.set_state(saved("optimizer"));
  if (second_) second_->set_state(saved("consistency_optimizer"));
}

}  // namespace attune
