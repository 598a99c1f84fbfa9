// The model that is trained.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <map>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <utility>
#include <vector>

namespace attune {

using NamedTensors = std::map<std::string, at::Tensor>;

// A module and the flags that it came with. Whatever training does to the flags of parameters and layers, a saved model
// has those of the first, so that it differs in parameters and buffers only.
class TrainingModel {
 public:
  explicit TrainingModel(torch::jit::Module module);

  const torch::jit::Module& module() const { return module_; }

  // Sets what takes a gradient from now on, by patterns of names ("features.0.*"): what the module itself trains, and
  // what `unfreeze` matches, but for what `freeze` matches. They are returned, each once. Throws Error(Fault::spec) for
  // a pattern that matches no parameter, and when nothing is left.
  std::vector<at::Tensor> freeze(const std::vector<std::string>& freeze, const std::vector<std::string>& unfreeze = {});
  // Parameters that take no gradient as the module came, and of how many.
  int64_t frozen() const;
  int64_t parameters() const { return static_cast<int64_t>(requires_grad_.size()); }
  // Layers in training mode, from now on; with `statistics` false, those that keep running statistics stay in
  // evaluation mode.
  void train(bool statistics);

  // The module's own forward in the mode that it is in, with a graph; `output` as in ModelOptions.
  at::Tensor forward(const at::Tensor& input, const std::string& output);

  // Parameters and buffers by name, detached: the tensors themselves, not copies.
  NamedTensors state() const;
  // Copies those values into them. Throws Error(Fault::input) when names or shapes differ.
  void set_state(const NamedTensors& state);

  // TorchScript, under its final name only when complete. Throws Error(Fault::output).
  void save(const std::filesystem::path& file);

 private:
  void restore_flags();
  // Whether a name of the parameter matches one of the patterns.
  std::vector<bool> matched(const char* key, const std::vector<std::string>& patterns) const;

  torch::jit::Module module_;
  std::vector<std::pair<torch::jit::Module, bool>> training_;  // of all layers that have the flag
  std::vector<std::pair<at::Tensor, bool>> requires_grad_;     // of all parameters
};

// Whether `text` matches `pattern`, in which '*' stands for any text and '?' for any character.
bool matches(const std::string& text, const std::string& pattern);

}  // namespace attune
