#include "model/run/training_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fnmatch.h>
#include <sstream>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/layers/layers.h"
#include "model/run/graph_model.h"

namespace attune {
namespace {

using torch::jit::Module;

void set_training(const Module& layer, bool on) { layer._ivalue()->setAttr("training", on); }

bool keeps_statistics(const Module& layer) { return layer.hasattr("running_mean"); }

constexpr size_t most_named = 5;

bool has_tensor(const Module& module, const std::string& name) {
  return module.hasattr(name) && module.attr(name).isTensor() && module.attr(name).toTensor().defined();
}

// [out,in] of a linear layer, [out,in,1,..] of a convolution.
bool can_be_head(const Module& module) {
  if (!has_tensor(module, "weight")) return false;
  const at::Tensor weight = module.attr("weight").toTensor();
  const auto sizes = weight.sizes();
  return weight.is_floating_point() && sizes.size() >= 2 &&
         std::all_of(sizes.begin() + 2, sizes.end(), [](int64_t size) { return size == 1; });
}

std::vector<std::string> possible_heads(const Module& module) {
  std::vector<std::string> names;
  for (const auto& child : module.named_modules()) {
    if (!child.name.empty() && can_be_head(child.value)) names.push_back(child.name);
  }
  return names;
}

// The last ones, among which the head is.
std::string listed(const std::vector<std::string>& names) {
  const size_t first = names.size() > most_named ? names.size() - most_named : 0;
  std::string list;
  for (size_t i = first; i < names.size(); ++i) list += (list.empty() ? "'" : ", '") + names[i] + "'";
  return first > 0 ? "the last are " + list : "they are " + list;
}

Module find_head(const Module& module, const std::string& layer) {
  for (const auto& child : module.named_modules()) {
    if (child.name == layer && can_be_head(child.value)) return child.value;
  }
  const std::vector<std::string> names = possible_heads(module);
  if (names.empty()) {
    throw Error(Fault::spec, "the model has no linear layer or 1x1 convolution to replace (was it frozen?)");
  }
  throw Error(Fault::spec, "head '" + layer + "' is no linear layer or 1x1 convolution; " + listed(names) +
                               did_you_mean(layer, names));
}

HeadParameters parameters_of(const Module& head) {
  return {head.attr("weight").toTensor(), has_tensor(head, "bias") ? head.attr("bias").toTensor() : at::Tensor()};
}

void set_parameters(Module& head, const HeadParameters& parameters) {
  head.setattr("weight", parameters.weight);
  if (parameters.bias.defined()) head.setattr("bias", parameters.bias);
}

// Uniform in +-1/sqrt(number of inputs): what LibTorch's own initialisation comes to for weight and bias. Trained also
// where the old head was frozen.
at::Tensor drawn_weights(std::vector<int64_t> sizes, double bound, const at::Tensor& like, at::Generator& generator) {
  const at::NoGradGuard no_grad;
  at::Tensor values = at::empty(sizes, at::kDouble);
  values.uniform_(-bound, bound, generator);
  return values.to(like.options()).set_requires_grad(true);
}

}  // namespace

std::shared_ptr<ImageModel> image_model(const ModelSource& source, const ModelOptions& options) {
  return std::make_shared<GraphModel>(source, options);
}

bool matches(const std::string& text, const std::string& pattern) {
  std::string literal;  // brackets are no sets of characters
  for (const char c : pattern) literal += c == '[' ? std::string("[[]") : std::string(1, c);
  return fnmatch(literal.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
}

TrainingModel::TrainingModel(ModelSource source) : source_(std::move(source)) {
  for (const Module& layer : source_.parameters.modules()) {
    if (layer.hasattr("training")) training_.emplace_back(layer, layer.attr("training").toBool());
  }
  for (const at::Tensor& parameter : source_.parameters.parameters()) {
    requires_grad_.emplace_back(parameter, parameter.requires_grad());
  }
}

int64_t TrainingModel::frozen() const {
  return std::count_if(requires_grad_.begin(), requires_grad_.end(),
                       [](const auto& known) { return !known.second && known.first.is_floating_point(); });
}

// One for each of requires_grad_, whose order is that of the names.
std::vector<bool> TrainingModel::matched(const char* key, const std::vector<std::string>& patterns) const {
  std::vector<std::string> names;
  for (const auto& parameter : source_.parameters.named_parameters()) names.push_back(parameter.name);
  std::vector<bool> any(names.size());
  for (const std::string& pattern : patterns) {
    bool is_used = false;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!matches(names[i], pattern)) continue;
      any[i] = is_used = true;
    }
    if (is_used) continue;
    throw Error(Fault::spec,
                std::string("\"") + key + "\": no parameter matches '" + pattern + "'" + did_you_mean(pattern, names));
  }
  return any;
}

std::vector<at::Tensor> TrainingModel::freeze(const std::vector<std::string>& freeze,
                                              const std::vector<std::string>& unfreeze) {
  const std::vector<bool> frozen = matched("freeze", freeze), trained = matched("unfreeze", unfreeze);
  const auto set = [&](bool takes_gradient, const auto& is_meant) {
    for (size_t i = 0; i < requires_grad_.size(); ++i) {
      if (is_meant(i)) requires_grad_[i].first.set_requires_grad(takes_gradient);
    }
  };
  // In this order, as a shared parameter has several names.
  set(false, [](size_t) { return true; });
  set(true, [&](size_t i) {
    return requires_grad_[i].first.is_floating_point() && (requires_grad_[i].second || trained[i]);
  });
  set(false, [&](size_t i) { return frozen[i]; });
  std::vector<at::Tensor> left;
  for (const auto& [parameter, flag] : requires_grad_) {
    const auto is_it = [&known = parameter](const at::Tensor& other) { return other.is_same(known); };
    if (parameter.requires_grad() && std::none_of(left.begin(), left.end(), is_it)) left.push_back(parameter);
  }
  if (!left.empty()) return left;
  const bool by_file = this->frozen() > 0 && freeze.empty();
  throw Error(Fault::spec, std::string("the model has no parameter that is not frozen") +
                               (by_file ? "; it was saved so: \"unfreeze\": [\"*\"] in the stage trains all" : ""));
}

void TrainingModel::train(bool statistics) {
  for (const auto& [layer, flag] : training_) set_training(layer, statistics || !keeps_statistics(layer));
}

// On the plain interpreter. The profiling one makes other programs, with other roundings, from the third call on, so
// that a run that was taken up again would not be the same.
at::Tensor TrainingModel::forward(const at::Tensor& input, const std::string& output) {
  const torch::jit::GraphOptimizerEnabledGuard plain(false);
  return with_reason(Fault::run, "the model fails in training mode",
                     [&] { return scores_of(source_.output(input), output, input.size(0)); });
}

at::Tensor TrainingModel::forward(const at::Tensor& input, const std::string& output, const std::string& layer,
                                  const HeadParameters& parameters) {
  Module head = find_head(source_.parameters, layer);
  const HeadParameters own = parameters_of(head);
  set_parameters(head, parameters);
  try {
    at::Tensor result = forward(input, output);
    set_parameters(head, own);
    return result;
  } catch (...) {
    set_parameters(head, own);
    throw;
  }
}

NamedTensors TrainingModel::state() const {
  NamedTensors state;
  for (const auto& parameter : source_.parameters.named_parameters()) state[parameter.name] = parameter.value.detach();
  for (const auto& buffer : source_.parameters.named_buffers()) state[buffer.name] = buffer.value.detach();
  return state;
}

void TrainingModel::set_state(const NamedTensors& state) {
  const at::NoGradGuard no_grad;
  NamedTensors own = this->state();
  for (auto& [name, tensor] : own) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) {
      throw Error(Fault::input, "the saved state is of another model: '" + name + "' differs");
    }
    tensor.copy_(found->second);
  }
}

void TrainingModel::restore_flags() {
  for (const auto& [layer, flag] : training_) set_training(layer, flag);
  for (const auto& [parameter, flag] : requires_grad_) parameter.set_requires_grad(flag);
}

void TrainingModel::save(std::ostream& file) {
  if (!source_.save) throw Error(Fault::output, "models of this kind (" + source_.format + ") cannot be saved");
  std::vector<bool> trains, takes_gradient;
  for (const auto& [layer, flag] : training_) trains.push_back(layer.attr("training").toBool());
  for (const auto& [parameter, flag] : requires_grad_) takes_gradient.push_back(parameter.requires_grad());
  restore_flags();
  source_.save(source_.parameters, [&](const void* bytes, size_t size) {
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    return size;  // of a writer that fails LibTorch stops the program
  });
  for (size_t i = 0; i < trains.size(); ++i) set_training(training_[i].first, trains[i]);
  for (size_t i = 0; i < takes_gradient.size(); ++i) requires_grad_[i].first.set_requires_grad(takes_gradient[i]);
  if (!file.flush()) throw Error(Fault::output, std::string("the model cannot be written: ") + std::strerror(errno));
}

std::string TrainingModel::saved() {
  std::ostringstream file;
  save(file);
  return std::move(file).str();
}

HeadParameters head_of(const ModelSource& source, const std::string& layer) {
  return parameters_of(find_head(source.parameters, layer));
}

HeadParameters drawn_head(const HeadParameters& like, int64_t outputs, uint64_t seed) {
  std::vector<int64_t> sizes = like.weight.sizes().vec();
  sizes[0] = outputs;
  const double bound = 1 / std::sqrt(static_cast<double>(sizes[1]));
  at::Generator generator = at::detail::createCPUGenerator(seed);
  HeadParameters drawn{drawn_weights(sizes, bound, like.weight, generator), {}};
  if (like.bias.defined()) drawn.bias = drawn_weights({outputs}, bound, like.bias, generator);
  return drawn;
}

bool replace_head(const ModelSource& source, const std::string& layer, int64_t classes, uint64_t seed) {
  Module head = find_head(source.parameters, layer);
  const HeadParameters old = parameters_of(head);
  set_parameters(head, drawn_head(old, classes, seed));
  return old.weight.size(0) != classes;
}

void require_classes(int64_t columns, int64_t classes, const ModelSource& source, const std::string& head) {
  if (columns == classes) return;
  const std::string gives =
      "the model gives " + std::to_string(columns) + " scores for " + std::to_string(classes) + " classes";
  const std::string layers = listed(possible_heads(source.parameters));
  if (head.empty()) throw Error(Fault::spec, gives + "; name its last layer as \"head\": " + layers);
  throw Error(Fault::spec, gives + " with the new head '" + head +
                               "', so that this is not its last layer; of linear layers and 1x1 convolutions " +
                               layers);
}

}  // namespace attune
