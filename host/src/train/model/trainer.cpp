#include "train/model/trainer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numbers>
#include <sstream>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>
#include <utility>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "metrics/metric.h"
#include "model/failure.h"
#include "train/model/predict.h"

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

std::vector<at::Tensor> joined(std::vector<at::Tensor> parameters, const std::optional<Projection>& projection) {
  if (!projection) return parameters;
  for (const at::Tensor& parameter : projection->parameters()) parameters.push_back(parameter);
  return parameters;
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

Trainer::Trainer(const StageConfig& stage, TrainingModel& training_model, const ConsistencyLoss* consistency,
                 const ImageModel& model, uint64_t seed)
    : stage_(stage),
      training_model_(training_model),
      consistency_(consistency),
      model_(model),
      projection_(stage.strategy->leaves_scores() ? std::optional(Projection(stage.projection, training_model, seed))
                                                  : std::nullopt),
      parameters_(joined(training_model.freeze(stage.freeze, stage.unfreeze), projection_)),
      optimiser_(stage.optimizer, parameters_) {
  training_model.train(!stage.freeze_statistics);
  if (stage.consistency_optimizer) second_.emplace(*stage.consistency_optimizer, parameters_);
}

at::Tensor Trainer::on_device(const at::Tensor& tensor) const {
  const at::Tensor& like = parameters_[0];
  return tensor.to(like.device(), like.scalar_type());
}

class Trainer::Step : public TrainingStep {
 public:
  Step(Trainer& trainer, const Batch& batch, const Batch& unlabelled, uint64_t seed, double rate_share)
      : trainer_(trainer),
        batch_(batch),
        unlabelled_(unlabelled),
        seed_(seed),
        rate_share_(rate_share),
        input_(trainer.on_device(batch.input)) {}

  double add_label_loss() override {
    const SeededDraws draws(input_.device(), seed_);  // dropout
    return add(objective(trainer_.stage_.loss, scores_of(input_), batch_.labels, batch_.weights),
               "the loss of the labels");
  }

  double add_consistency_loss(double weight) override {
    trainer_.consistency_->seed(seed_);  // of methods that draw
    const ConsistencyLoss& consistency = *trainer_.consistency_;
    const at::Tensor loss = consistency(input_, nullptr, annotation_for(consistency, batch_)).loss;
    if (!loss.requires_grad()) {
      finite(loss, "the consistency loss");
      throw Error(Fault::spec, "the spec stops every gradient; there is none to train with");
    }
    return add(loss, "the consistency loss", weight);
  }

  // Both views in one pass, so that batch norm sees them as one batch.
  double add_contrastive_loss() override {
    const SeededDraws draws(input_.device(), seed_);
    const at::Tensor views = at::cat({input_, trainer_.on_device(batch_.second_view)});
    const std::string& output = trainer_.model_.options().output;
    const std::vector<at::Tensor> projected = (*trainer_.projection_)(trainer_.training_model_, views, output).chunk(2);
    return add(nt_xent(projected[0], projected[1], trainer_.stage_.temperature), "the loss of views");
  }

  double add_pseudo_label_loss(double weight) override {
    if (unlabelled_.examples.empty()) return 0;
    const SeededDraws draws(input_.device(), derive_seed({seed_, 1}));
    const StageConfig& stage = trainer_.stage_;
    const PseudoLabels labels = [&] {
      const at::NoGradGuard no_grad;
      return pseudo_labels(stage.loss, scores_of(trainer_.on_device(unlabelled_.input)), stage.threshold);
    }();
    if (labels.share == 0) return 0;
    const at::Tensor scores = scores_of(trainer_.on_device(unlabelled_.second_view));
    return add(pseudo_label_loss(stage.loss, scores, labels), "the loss of pictures without labels", weight);
  }

  double update() override { return trainer_.update(trainer_.optimiser_, rate_share_); }
  double update_for_consistency() override {
    return trainer_.second_ ? trainer_.update(*trainer_.second_, rate_share_) : update();
  }
  double alpha() const override { return trainer_.stage_.alpha; }

 private:
  // In training mode.
  at::Tensor scores_of(const at::Tensor& input) const {
    const ImageModel& model = trainer_.model_;
    return model.logits(trainer_.training_model_.forward(input, model.options().output));
  }

  // A loss's gradient, so many times; the loss itself.
  static double add(const at::Tensor& loss, const char* what, double weight = 1) {
    const double value = finite(loss, what);
    (weight == 1 ? loss : loss * weight).backward();
    return value;
  }

  Trainer& trainer_;
  const Batch& batch_;
  const Batch& unlabelled_;
  const uint64_t seed_;
  const double rate_share_;
  const at::Tensor input_;
};

double Trainer::update(Optimiser& optimiser, double rate_share) {
  const double norm = gradient_norm(parameters_);
  if (!std::isfinite(norm)) throw Error(Fault::run, "the gradient is not finite (NaN or infinity)");
  clip_gradients(parameters_, norm, stage_.clip);
  optimiser.step(rate_share);
  clear_gradients(parameters_);
  return norm;
}

StepReport Trainer::step(const Batch& batch, const Batch& unlabelled, uint64_t seed, double rate_share) {
  const at::AutoGradMode with_gradients(true);
  StepReport report;
  report.rate = optimiser_.rate(rate_share);
  clear_gradients(parameters_);
  Step step(*this, batch, unlabelled, seed, rate_share);
  stage_.strategy->step(step, report);
  return report;
}

NamedTensors Trainer::state() const {
  NamedTensors state{{"optimizer", optimiser_.state()}};
  if (second_) state["consistency_optimizer"] = second_->state();
  if (projection_) state.merge(projection_->state());
  return state;
}

void Trainer::set_state(const NamedTensors& state) {
  const auto saved = [&](const char* name) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error(Fault::input, std::string("the checkpoint has no state of the ") + name);
    return found->second;
  };
  optimiser_.set_state(saved("optimizer"));
  if (second_) second_->set_state(saved("consistency_optimizer"));
  if (projection_) projection_->set_state(state);
}

}  // namespace attune
