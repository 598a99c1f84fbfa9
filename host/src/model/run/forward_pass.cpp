#include "model/run/forward_pass.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <atomic>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <attune/interruption.h>
#include <attune/sdk/error.h>

#include "model/layers/layers.h"
#include "model/run/graph_model.h"
#include "model/run/trial.h"

namespace attune {
namespace {

using c10::IValue;

// Of a value alive across a cut, the row of each of `samples`, so that it fits changed activations of these.
IValue rows_of(const IValue& value, int64_t rows, const at::Tensor& samples) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined() || tensor.dim() == 0 || tensor.size(0) != rows) return value;
    return tensor.index_select(0, samples);
  }
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> copy;  // also because the program may append to it
  for (const at::Tensor& tensor : value.toTensorVector()) copy.push_back(rows_of(tensor, rows, samples).toTensor());
  return copy;
}

// The size of a first axis, which counts the rows where it equals them.
IValue row_count(const IValue& value, int64_t rows, int64_t changed) {
  if (value.isInt()) return value.toInt() == rows ? IValue(changed) : value;
  return value.toTensor().item<int64_t>() == rows ? IValue(at::full_like(value.toTensor(), changed)) : value;
}

// Whether a graph might begin behind a layer that is asked for, as nothing before it is trained.
bool is_frozen(bool graph, const GraphModel& model) {
  if (!graph) return false;
  const auto parameters = model.parameters();
  return std::any_of(parameters.begin(), parameters.end(), [](const auto& one) { return !one.second.requires_grad(); });
}

std::atomic<BeforeEachPass> before_each_pass = nullptr;

}  // namespace

void set_before_each_pass(BeforeEachPass call) { before_each_pass = call; }

ForwardPass::ForwardPass(GraphModel& model, GraphModel::State& state, const at::Tensor& input, const Needs& needs,
                         bool graph, const at::Generator& generator, const Ruling* ruling)
    : model_(model),
      state_(state),
      input_(input),
      graph_(graph),
      generator_(generator.defined() ? generator : at::detail::createCPUGenerator()),
      gradients_declared_(graph || needs.input_gradient || needs.gradients),
      calls_declared_(needs.gradient_calls) {
  if (gradients_declared_ && c10::InferenceMode::is_enabled()) {
    throw Error(Fault::run,
                "maps are made of gradients, which c10::InferenceMode does not record; use at::NoGradGuard");
  }
  if (const BeforeEachPass call = before_each_pass) call();
  declare(needs);
  Programs& programs = ruling != nullptr ? state.programs.ruled(*ruling) : state.programs;
  pieces_ = graph ? programs.live() : programs.frozen();
  try {
    run(needs);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    explain_failure(model, state, input, error);
  }
}

void ForwardPass::declare(const Needs& needs) {
  const auto in_order = [&](std::vector<std::string>& layers) {
    const auto earlier = [&](const auto& a, const auto& b) { return state_.position.at(a) < state_.position.at(b); };
    std::sort(layers.begin(), layers.end(), earlier);
    layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  };
  for (const Capture& capture : needs.captures) {
    const std::string name = layer(capture.layer);
    if (capture.layer == "auto") auto_layer_ = name;
    check_capture(state_, {name, capture.kind});
    if (graph_ || needs.gradients) check_gradient(state_, name);
    captures_.push_back({name, capture.kind});
    (capture.kind == Capture::attention ? attention_ : layers_).push_back(name);
  }
  in_order(layers_);
  in_order(attention_);
  captured_.resize(captures_.size());
}

// No more is recorded for a backward pass than will be asked for: with activations alone, everything before the first
// of them runs without gradients.
void ForwardPass::run(const Needs& needs) {
  const bool from_input =
      needs.input_gradient || (needs.gradients && (!attention_.empty() || is_frozen(graph_, model_)));
  if (from_input && !(graph_ && input_.requires_grad())) input_ = input_.detach().requires_grad_();
  if (!graph_ && !from_input && needs.gradients && !layers_.empty()) {
    run_behind_cut();
  } else {
    const at::AutoGradMode mode(gradients_declared_);
    run_whole();
  }
}

void ForwardPass::run_whole() {
  const Piece piece{"", "", layers_, gradients_declared_ ? recorded() : Differentiable::no, false, attention_};
  const auto results = run_piece(piece, {input_});
  output_ = output_of(results[0], state_.options.output, input_.size(0));
  for (size_t i = 0; i < layers_.size(); ++i) keep(layers_[i], results[i + 1].toTensor());
  const size_t behind = 1 + layers_.size();
  for (size_t i = 0; i < attention_.size(); ++i) keep_attention(attention_[i], results[behind + i].toTensor());
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
  output_ = output_of(results[0], state_.options.output, input_.size(0));
  for (size_t i = 0; i < later.size(); ++i) keep(later[i], results[i + 1].toTensor());
  live_[first].assign(cut.begin() + 1, cut.end());
}

std::vector<IValue> ForwardPass::run_piece(const Piece& piece, const std::vector<IValue>& arguments) {
  return pieces_->get(piece)->run(state_.source.parameters._ivalue(), rule_, arguments);
}

// A layer of several captures was run once.
void ForwardPass::keep(const std::string& layer, const at::Tensor& activation) {
  for (size_t i = 0; i < captures_.size(); ++i) {
    if (captures_[i].layer != layer || captures_[i].kind == Capture::attention) continue;
    Captured& kept = captured_[i];
    kept.given = activation;
    kept.kind = captures_[i].kind;
    if (kept.kind == Capture::spatial) kept.layout = layout_of(state_, layer, activation.sizes().vec(), input_);
    kept.shown = kept.as_shown(activation).contiguous();
    if (!graph_ && kept.kind != Capture::raw) kept.shown = kept.shown.detach();
  }
}

void ForwardPass::keep_attention(const std::string& layer, const at::Tensor& probabilities) {
  for (size_t i = 0; i < captures_.size(); ++i) {
    if (!(captures_[i] == Capture{layer, Capture::attention})) continue;
    const at::Tensor shown = probabilities_by_head(probabilities, input_, layer);
    captured_[i] = {probabilities, graph_ ? shown : shown.detach(), Capture::attention, {}};
  }
}

at::Tensor ForwardPass::Captured::as_shown(const at::Tensor& tensor) const {
  if (kind == Capture::attention) return tensor.view(shown.sizes());
  return kind == Capture::spatial ? layout.canonical(tensor) : tensor;
}

const ForwardPass::Captured& ForwardPass::find(const Capture& capture) const {
  const Capture named{capture.layer == "auto" ? auto_layer_ : capture.layer, capture.kind};
  const auto found = std::find(captures_.begin(), captures_.end(), named);
  if (found != captures_.end()) return captured_[static_cast<size_t>(found - captures_.begin())];
  const char* const kinds[] = {"", "the raw activation of ", "the attention of "};
  throw Error(Fault::run,
              kinds[capture.kind] + ("layer '" + capture.layer) + "' was not declared in the method's Needs");
}

at::Tensor ForwardPass::bias(const Capture& capture) {
  const at::Tensor& shown = find(capture).shown;
  const auto affine = state_.affine.find(layer(capture.layer));
  if (affine == state_.affine.end() || capture.kind == Capture::attention) return {};
  const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
  const at::Tensor bias = bias_of(affine->second, state_.source.parameters);
  std::vector<int64_t> shape(static_cast<size_t>(shown.dim()), 1);
  const bool is_last = capture.kind == Capture::raw && has_channels_last(affine->second);
  shape[is_last ? shape.size() - 1 : 1] = bias.numel();
  return (graph_ ? bias : bias.detach()).view(shape);
}

const ForwardPass::Captured* ForwardPass::captured_as(const at::Tensor& tensor) const {
  const auto same = [&](const Captured& captured) { return captured.shown.is_same(tensor); };
  const auto found = std::find_if(captured_.begin(), captured_.end(), same);
  return found == captured_.end() ? nullptr : &*found;
}

std::vector<at::Tensor> ForwardPass::gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                               Rectifier rectifier) {
  return gradients(score, of, rectifier, 0);
}

std::vector<at::Tensor> ForwardPass::gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                               Rectifier rectifier, uint32_t rules) {
  if (!gradients_declared_) throw Error(Fault::run, "gradients were not declared in the method's Needs");
  if (rectifier != Rectifier::standard && state_.activations.empty()) {
    throw Error(Fault::input,
                "the model has no activation function (ReLU or a relative), so that a rule for rectifiers would leave "
                "the plain "
                "gradient; use saliency");
  }
  std::vector<const Captured*> captures;  // nullptr for what is none
  std::vector<at::Tensor> sources;
  for (const at::Tensor& tensor : of) {
    captures.push_back(captured_as(tensor));
    sources.push_back(captures.back() == nullptr ? tensor : captures.back()->given);
  }
  std::vector<at::Tensor> result = backward(score, sources, rectifier, rules);
  for (size_t i = 0; i < of.size(); ++i) {
    at::Tensor& gradient = result[i];
    if (!gradient.defined()) {
      gradient = at::zeros_like(of[i]);
    } else {
      gradient = (captures[i] == nullptr ? gradient : captures[i]->as_shown(gradient)).contiguous();
    }
  }
  return result;
}

// Undefined where the score does not depend on a tensor.
std::vector<at::Tensor> ForwardPass::backward(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                              Rectifier rectifier, uint32_t rules) {
  std::vector<at::Tensor> wanted;
  for (const auto& source : of) {
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
    const RuleScope scope(*rule_, rectifier, rules);
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
  for (const at::Tensor& source : of) {
    result.push_back(!found.empty() && source.requires_grad() ? found[next++] : at::Tensor());
  }
  return result;
}

void* ForwardPass::extension(const char* id) {
  const std::string name = id;
  if (name == BackwardRules::id) return static_cast<BackwardRules*>(this);
  if (name == PropagationRules::id) return static_cast<PropagationRules*>(this);
  return name == Tail::id ? static_cast<Tail*>(this) : nullptr;
}

// The same pass through programs with rules: ordinary ones stay free of what rules need.
ForwardPass& ForwardPass::ruled(const Ruling& ruling) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& pass = ruled_[ruling.key()];
  if (!pass) {
    Needs needs;
    needs.captures = captures_;
    needs.input_gradient = true;
    pass = std::make_unique<ForwardPass>(model_, state_, input_, needs, graph_, generator_, &ruling);
  }
  return *pass;
}

std::vector<at::Tensor> ForwardPass::gradients(const Target& target, const std::vector<at::Tensor>& of,
                                               uint32_t rules) {
  if ((rules & differences) != 0) {
    throw Error(Fault::run, "gradients by differences were asked for of attune.rules/1; they came with attune.rules/2");
  }
  return gradients(target, of, rules, {}, {});
}

std::vector<at::Tensor> ForwardPass::gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules,
                                               const LinearRule& convolutions, const LinearRule& linear) {
  if ((rules & ~uint32_t{norms | activations | products | attention | differences}) != 0) {
    throw Error(Fault::run,
                "gradients were asked for by a rule that this attune does not know (" + std::to_string(rules) + ")");
  }
  if ((rules & differences) != 0 && input_.size(0) % 2 != 0) {
    throw Error(Fault::run, "gradients by differences were asked for of " + std::to_string(input_.size(0)) +
                                " rows, which are no two halves");
  }
  ForwardPass& other = ruled({(rules & differences) != 0, convolutions, linear});
  std::vector<at::Tensor> same;
  for (const at::Tensor& tensor : of) {
    const Captured* captured = captured_as(tensor);
    if (captured == nullptr && !tensor.is_same(input_)) {
      throw Error(Fault::run, "gradients by rules were asked for of a tensor that is neither the input nor a capture");
    }
    const auto at = captured == nullptr ? 0 : static_cast<size_t>(captured - captured_.data());
    same.push_back(captured == nullptr ? other.input_ : other.captured_[at].shown);
  }
  const auto score = [&] {
    const at::AutoGradMode mode(true);
    return target.score(other.output_);
  };
  return other.gradients(score(), same, Rectifier::standard, rules | linear_rules);
}

const std::vector<IValue>& ForwardPass::live_values(const std::string& layer) {
  const auto known = live_.find(layer);
  if (known != live_.end()) return known->second;
  if (first_sizes(pieces_->graph(), layer).empty()) return live_[layer];
  const at::AutoGradMode mode(graph_);
  auto values = run_piece({"", layer, {}, graph_ ? recorded() : Differentiable::no}, {input_});
  values.erase(values.begin());
  return live_[layer] = std::move(values);
}

std::vector<IValue> ForwardPass::live_values(const std::string& layer, const at::Tensor& samples) {
  const int64_t rows = input_.size(0);
  const std::vector<bool> sizes = first_sizes(pieces_->graph(), layer);
  std::vector<IValue> values = live_values(layer);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = sizes[i] ? row_count(values[i], rows, samples.size(0)) : rows_of(values[i], rows, samples);
  }
  return values;
}

const ForwardPass::Captured& ForwardPass::replaceable(const Capture& capture) {
  const Captured& kept = find(capture);
  if (kept.kind != Capture::attention) return kept;
  throw Error(Fault::run,
              "resume at layer '" + layer(capture.layer) + "' was given probabilities; it takes activations");
}

at::Tensor ForwardPass::run_tail(const Capture& capture, const at::Tensor& activation, const at::Tensor& samples,
                                 const std::vector<IValue>& live, bool gradients) {
  const Captured& kept = find(capture);
  std::vector<IValue> arguments{kept.kind == Capture::raw ? activation
                                                          : kept.layout.raw(activation, kept.given, samples)};
  arguments.insert(arguments.end(), live.begin(), live.end());
  const at::AutoGradMode mode(gradients);
  const Piece piece{layer(capture.layer), "", {}, gradients ? recorded() : Differentiable::no};
  return output_of(run_piece(piece, arguments)[0], state_.options.output, samples.size(0));
}

at::Tensor ForwardPass::resume(const Capture& capture, const at::Tensor& activation) {
  const at::Tensor& shown = replaceable(capture).shown;
  const int64_t rows = shown.size(0);
  if (activation.dim() != shown.dim() || activation.size(0) % rows != 0) {
    throw Error(Fault::run, "resume at layer '" + layer(capture.layer) + "' was given " +
                                shape_text(activation.sizes().vec()) + "; expected a multiple of the rows of " +
                                shape_text(shown.sizes().vec()));
  }
  const at::Tensor samples = samples_of(0, activation.size(0), activation.size(0) / rows);
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool gradients = at::GradMode::is_enabled() && (graph_ || activation.requires_grad());
  return run_tail(capture, activation, samples, live_values(layer(capture.layer), samples), gradients);
}

at::Tensor ForwardPass::outputs(const Capture& capture, int64_t rows, const Make& make) {
  const at::Tensor& shown = replaceable(capture).shown;
  const std::string at = "the tail behind layer '" + layer(capture.layer) + "' was ";
  if (rows <= 0 || rows % shown.size(0) != 0) {
    throw Error(Fault::run, at + "asked for " + std::to_string(rows) + " rows, which are no multiple of " +
                                std::to_string(shown.size(0)) + " samples");
  }
  const bool gradients = at::GradMode::is_enabled() && graph_;
  const at::AutoGradMode mode(gradients);
  std::vector<at::Tensor> parts;
  at::Tensor before;  // the samples that `live` is of
  std::vector<IValue> live;
  for (int64_t begin = 0; begin < rows; begin += state_.options.chunk) {
    const int64_t end = std::min(rows, begin + state_.options.chunk);
    const at::Tensor activation = make(begin, end);
    if (activation.dim() != shown.dim() || activation.size(0) != end - begin ||
        activation.sizes().slice(1) != shown.sizes().slice(1)) {
      throw Error(Fault::run, at + "given " + shape_text(activation.sizes().vec()) + " for " +
                                  std::to_string(end - begin) + " rows of " + shape_text(shown.sizes().vec()));
    }
    const at::Tensor samples = samples_of(begin, end, rows / shown.size(0));
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!before.defined() || !at::equal(before, samples)) live = live_values(layer(capture.layer), samples);
    before = samples;
    parts.push_back(run_tail(capture, activation, samples, live, gradients));
  }
  return at::cat(parts);
}

// The samples of rows that are grouped by them.
at::Tensor ForwardPass::samples_of(int64_t begin, int64_t end, int64_t times) const {
  return at::arange(begin, end, input_.options().dtype(at::kLong)).div(times, "floor");
}

}  // namespace attune
