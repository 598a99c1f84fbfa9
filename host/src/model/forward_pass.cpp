#include "model/forward_pass.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <attune/sdk/error.h>

#include "model/explain.h"
#include "model/explain_gradient.h"
#include "model/output.h"
#include "model/trial.h"

namespace attune {
namespace {

using c10::IValue;

// Rows of a value alive across a cut, `times` each, so that it fits a batch of changed activations.
IValue repeat_rows(const IValue& value, int64_t rows, int64_t times) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (times == 1 || !tensor.defined() || tensor.dim() == 0 || tensor.size(0) != rows) return value;
    return tensor.repeat_interleave(times, 0);
  }
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> copy;  // also because the program may append to it
  for (const at::Tensor& tensor : value.toTensorVector()) copy.push_back(repeat_rows(tensor, rows, times).toTensor());
  return copy;
}

}  // namespace

ForwardPass::ForwardPass(TorchScriptModel& model, TorchScriptModel::State& state, const at::Tensor& input,
                         const Needs& needs, bool graph, const at::Generator& generator)
    : model_(model),
      state_(state),
      input_(input),
      graph_(graph),
      generator_(generator.defined() ? generator : at::detail::createCPUGenerator()),
      gradients_declared_(graph || needs.input_gradient || needs.layer_gradients),
      calls_declared_(needs.gradient_calls) {
  if (gradients_declared_ && c10::InferenceMode::is_enabled()) {
    throw Error(Fault::run,
                "maps are made of gradients, which c10::InferenceMode does not record; use at::NoGradGuard");
  }
  for (const std::string& name : needs.layers) {
    const std::string layer = name == "auto" ? model.auto_layer(input) : name;
    if (name == "auto") auto_layer_ = layer;
    check_layer(state, layer);
    if (graph || needs.layer_gradients) check_gradient(state, layer);
    layers_.push_back(layer);
  }
  const auto earlier = [&](const auto& a, const auto& b) { return state.position.at(a) < state.position.at(b); };
  std::sort(layers_.begin(), layers_.end(), earlier);
  layers_.erase(std::unique(layers_.begin(), layers_.end()), layers_.end());
  pieces_ = graph ? state.programs.live() : state.programs.frozen();
  try {
    run(needs);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    explain_failure(model, state, input, error);
  }
}

// No more is recorded for a backward pass than will be asked for: with layers alone, everything before the first of
// them runs without gradients.
void ForwardPass::run(const Needs& needs) {
  if (needs.input_gradient && !(graph_ && input_.requires_grad())) input_ = input_.detach().requires_grad_();
  if (!graph_ && !needs.input_gradient && needs.layer_gradients && !layers_.empty()) {
    run_behind_cut();
  } else {
    const at::AutoGradMode mode(gradients_declared_);
    run_whole();
  }
}

void ForwardPass::run_whole() {
  const Piece piece{"", "", layers_, gradients_declared_ ? recorded() : Differentiable::no};
  const auto results = run_piece(piece, {input_});
  output_ = scores_of(results[0], state_.options.output, input_.size(0));
  for (size_t i = 0; i < layers_.size(); ++i) keep(layers_[i], results[i + 1].toTensor());
}

void ForwardPass::run_behind_cut() {
  const std::string& first = layers_[0];
  std::vector<IValue> cut;
  {
    const at::AutoGradMode mode(false);
    cut = run_piece({"", first, {}, Differentiable::no}, {input_});
  }
  const at::AutoGradMode mode(true);
  cut[0] = cut[0].toTensor().detach().requires_grad_();
  keep(first, cut[0].toTensor());
  const std::vector<std::string> later(layers_.begin() + 1, layers_.end());
  const auto results = run_piece({first, "", later, recorded()}, cut);
  output_ = scores_of(results[0], state_.options.output, input_.size(0));
  for (size_t i = 0; i < later.size(); ++i) keep(later[i], results[i + 1].toTensor());
  live_[first].assign(cut.begin() + 1, cut.end());
}

std::vector<IValue> ForwardPass::run_piece(const Piece& piece, const std::vector<IValue>& arguments) {
  return pieces_->get(piece)->run(state_.module._ivalue(), rule_, arguments);
}

void ForwardPass::keep(const std::string& layer, const at::Tensor& raw) {
  Activation kept;
  kept.raw = raw;
  kept.layout = layout_of(state_, layer, raw.sizes().vec(), input_);
  kept.canonical = kept.layout.canonical(raw).contiguous();
  if (!graph_) kept.canonical = kept.canonical.detach();
  activations_[layer] = std::move(kept);
}

ForwardPass::Activation& ForwardPass::find(const std::string& layer) {
  const auto found = activations_.find(layer == "auto" ? auto_layer_ : layer);
  if (found != activations_.end()) return found->second;
  throw Error(Fault::run, "layer '" + layer + "' was not declared in the method's Needs");
}

at::Tensor ForwardPass::activation(const std::string& layer) { return find(layer).canonical; }

std::vector<at::Tensor> ForwardPass::gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                               Rectifier rectifier) {
  if (!gradients_declared_) throw Error(Fault::run, "gradients were not declared in the method's Needs");
  if (rectifier != Rectifier::standard && state_.activations.empty()) {
    throw Error(
        Fault::input,
        "the model has no activation function (ReLU or a relative), so that guided backpropagation would be the "
        "plain gradient; use saliency");
  }
  std::vector<at::Tensor> sources;
  for (const at::Tensor& tensor : of) {
    const auto same = [&](const auto& entry) { return entry.second.canonical.is_same(tensor); };
    const auto kept = std::find_if(activations_.begin(), activations_.end(), same);
    sources.push_back(kept == activations_.end() ? tensor : kept->second.raw);
  }
  std::vector<at::Tensor> wanted;
  for (const auto& source : sources) {
    if (source.requires_grad()) wanted.push_back(source);
  }
  std::vector<at::Tensor> found;
  if (!wanted.empty() && score.requires_grad()) {
    const std::lock_guard<std::mutex> lock(mutex_);  // the rule belongs to the whole pass
    if (calls_declared_ > 0 && calls_ == calls_declared_) {
      throw Error(Fault::run, "gradients were asked for more often than the method's Needs declared (" +
                                  std::to_string(calls_declared_) + " for all maps)");
    }
    const bool keep =
        graph_ || ++calls_ != calls_declared_;  // with the last call the recorded pass is not needed again
    const bool record = graph_ && at::GradMode::is_enabled();
    const at::AutoGradMode mode(true);
    const RuleScope scope(*rule_, rectifier);
    try {
      found = torch::autograd::grad({score}, wanted, {at::ones_like(score)}, keep, record, true);
    } catch (const std::exception& error) {
      explain_gradient_failure(state_, error);
    }
    if (record) check_second_derivatives(state_, found);
  }
  if (state_.switches_gradients && !of.empty()) check_reached(found);
  std::vector<at::Tensor> result;
  size_t next = 0;
  for (size_t i = 0; i < of.size(); ++i) {
    const bool asked = !found.empty() && sources[i].requires_grad();
    result.push_back(zero_or_canonical(of[i], asked ? found[next++] : at::Tensor()));
  }
  return result;
}

at::Tensor ForwardPass::zero_or_canonical(const at::Tensor& of, const at::Tensor& gradient) const {
  if (!gradient.defined()) return at::zeros_like(of);
  for (const auto& [layer, activation] : activations_) {
    if (activation.canonical.is_same(of)) return activation.layout.canonical(gradient).contiguous();
  }
  return gradient.contiguous();
}

const std::vector<IValue>& ForwardPass::live_values(const std::string& layer) {
  const auto known = live_.find(layer);
  if (known != live_.end()) return known->second;
  const at::AutoGradMode mode(graph_);
  auto values = run_piece({"", layer, {}, graph_ ? recorded() : Differentiable::no}, {input_});
  values.erase(values.begin());
  return live_[layer] = std::move(values);
}

at::Tensor ForwardPass::resume(const std::string& name, const at::Tensor& activation) {
  const Activation& kept = find(name);
  const std::string layer = name == "auto" ? auto_layer_ : name;
  const int64_t rows = input_.size(0);
  if (activation.dim() != kept.canonical.dim() || activation.size(0) % rows != 0) {
    throw Error(Fault::run, "resume at layer '" + layer + "' was given " + shape_text(activation.sizes().vec()) +
                                "; expected a multiple of the rows of " + shape_text(kept.canonical.sizes().vec()));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<IValue> arguments{kept.layout.raw(activation, kept.raw)};
  for (const IValue& value : live_values(layer)) {
    arguments.push_back(repeat_rows(value, rows, activation.size(0) / rows));
  }
  const bool gradients = at::GradMode::is_enabled() && (graph_ || activation.requires_grad());
  const at::AutoGradMode mode(gradients);
  const auto results = run_piece({layer, "", {}, gradients ? recorded() : Differentiable::no}, arguments);
  return scores_of(results[0], state_.options.output, activation.size(0));
}

}  // namespace attune
