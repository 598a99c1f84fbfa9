#include "train/model/unlabelled.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <limits>

#include <attune/sdk/error.h>

#include "base/random.h"

namespace attune {

at::Tensor nt_xent(const at::Tensor& first, const at::Tensor& second, double temperature) {
  const at::Tensor views = at::cat({first, second});
  const at::Tensor directions = views / at::linalg_vector_norm(views, 2, c10::IntArrayRef{1}, true).clamp_min(1e-12);
  const at::Tensor itself = at::eye(views.size(0), views.options().dtype(at::kBool));
  const at::Tensor alike =
      (at::mm(directions, directions.t()) / temperature).masked_fill(itself, -std::numeric_limits<double>::infinity());
  const int64_t pairs = first.size(0);
  const at::Tensor partners = at::arange(2 * pairs, views.options().dtype(at::kLong)).roll(pairs);
  return at::cross_entropy_loss(alike, partners);
}

PseudoLabels pseudo_labels(Objective kind, const at::Tensor& scores, double threshold) {
  if (kind == Objective::cross_entropy) {
    const auto [best, at] = at::softmax(scores, 1).max(1, true);
    const at::Tensor sure = best.ge(threshold).to(scores.scalar_type());
    return {at::zeros_like(scores).scatter(1, at, 1) * sure, at::ones_like(scores), sure.mean().item<double>()};
  }
  const at::Tensor probability = at::sigmoid(scores);
  const at::Tensor sure = at::max(probability, 1 - probability).ge(threshold).to(scores.scalar_type());
  return {probability.gt(0.5).to(scores.scalar_type()), sure, sure.mean().item<double>()};
}

at::Tensor pseudo_label_loss(Objective kind, const at::Tensor& scores, const PseudoLabels& labels) {
  return objective(kind, scores, labels.labels, labels.weights) * labels.share;
}

Projection::Projection(const ProjectionConfig& config, const TrainingModel& model, uint64_t seed)
    : layer_(config.layer) {
  const HeadParameters last = head_of(model.source(), layer_);
  const int64_t hidden = config.hidden.value_or(last.weight.size(1));
  first_ = drawn_head(last, hidden, derive_seed({seed, 1}));
  const at::Tensor like = at::empty({1, hidden}, last.weight.options());
  second_ = drawn_head({like, like[0]}, config.size, derive_seed({seed, 2}));
}

at::Tensor Projection::operator()(TrainingModel& model, const at::Tensor& input, const std::string& output) const {
  const at::Tensor hidden = at::relu(model.forward(input, output, layer_, first_));
  return at::linear(hidden, second_.weight, second_.bias);
}

NamedTensors Projection::state() const {
  NamedTensors state{{"projection.0.weight", first_.weight},
                     {"projection.1.weight", second_.weight},
                     {"projection.1.bias", second_.bias}};
  if (first_.bias.defined()) state["projection.0.bias"] = first_.bias;
  return state;
}

std::vector<at::Tensor> Projection::parameters() const {
  std::vector<at::Tensor> parameters;
  for (const auto& [name, tensor] : state()) parameters.push_back(tensor);
  return parameters;
}

void Projection::set_state(const NamedTensors& saved) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : state()) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.sizes() != tensor.sizes()) {
      throw Error(Fault::input, "the saved state is of another projection: '" + name + "' differs");
    }
    tensor.copy_(found->second);
  }
}

}  // namespace attune
