#include "train/model/training_model.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <sstream>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "model/failure.h"
#include "model/layers/output.h"

namespace attune {
namespace {

using torch::jit::Module;

void set_training(const Module& layer, bool on) { layer._ivalue()->setAttr("training", on); }

bool keeps_statistics(const Module& layer) { return layer.hasattr("running_mean"); }

}  // namespace

bool matches(const std::string& text, const std::string& pattern) {
  size_t t = 0, p = 0, star = std::string::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string::npos;
}

TrainingModel::TrainingModel(Module module) : module_(std::move(module)) {
  for (const Module& layer : module_.modules()) {
    if (layer.hasattr("training")) training_.emplace_back(layer, layer.attr("training").toBool());
  }
  for (const at::Tensor& parameter : module_.parameters()) {
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
  for (const auto& parameter : module_.named_parameters()) names.push_back(parameter.name);
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
  try {
    return scores_of(module_.forward({input}), output, input.size(0));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Fault::run, "the model fails in training mode: " + reason_of(error));
  }
}

NamedTensors TrainingModel::state() const {
  NamedTensors state;
  for (const auto& parameter : module_.named_parameters()) state[parameter.name] = parameter.value.detach();
  for (const auto& buffer : module_.named_buffers()) state[buffer.name] = buffer.value.detach();
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

void TrainingModel::save(const std::filesystem::path& file) {
  std::vector<bool> trains, takes_gradient;
  for (const auto& [layer, flag] : training_) trains.push_back(layer.attr("training").toBool());
  for (const auto& [parameter, flag] : requires_grad_) takes_gradient.push_back(parameter.requires_grad());
  restore_flags();
  std::ostringstream archive;  // saved to a path, a model would hold the name of its file
  module_.save(archive);
  write_file(file, archive.str());
  for (size_t i = 0; i < trains.size(); ++i) set_training(training_[i].first, trains[i]);
  for (size_t i = 0; i < takes_gradient.size(); ++i) requires_grad_[i].first.set_requires_grad(takes_gradient[i]);
}

}  // namespace attune
