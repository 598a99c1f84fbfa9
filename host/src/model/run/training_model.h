// What a source becomes: a model for maps, and the model that is trained.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <attune/model.h>

#include "model/graph/graph.h"

namespace attune {

// A model of the source's own parameters, for maps. Throws Error(Fault::input) when its graph cannot be rewritten.
std::shared_ptr<ImageModel> image_model(const ModelSource& source, const ModelOptions& options = {});

// Of a linear layer or 1x1 convolution: weight [out,in] or [out,in,1,..], bias [out] or undefined.
struct HeadParameters {
  at::Tensor weight;
  at::Tensor bias;
};

// Those of the layer at the dotted path `layer`. Throws Error(Fault::spec) with the layers that could be meant when it
// is no linear layer or 1x1 convolution.
HeadParameters head_of(const ModelSource& source, const std::string& layer);
// Parameters of such a layer with so many outputs, of the same type and device, drawn as LibTorch draws those of new
// layers.
HeadParameters drawn_head(const HeadParameters& like, int64_t outputs, uint64_t seed);

// A model and the flags that it came with. Whatever training does to the flags of parameters and layers, a saved model
// has those of the first, so that it differs in parameters and buffers only.
class TrainingModel {
 public:
  // Shares the source's parameters.
  explicit TrainingModel(ModelSource source);

  const ModelSource& source() const { return source_; }

  // Sets what takes a gradient from now on, by patterns of names ("features.0.*"): what the model itself trains, and
  // what `unfreeze` matches, but for what `freeze` matches. They are returned, each once. Throws Error(Fault::spec) for
  // a pattern that matches no parameter, and when nothing is left.
  std::vector<at::Tensor> freeze(const std::vector<std::string>& freeze, const std::vector<std::string>& unfreeze = {});
  // Parameters that take no gradient as the model came, and of how many.
  int64_t frozen() const;
  int64_t parameters() const { return static_cast<int64_t>(requires_grad_.size()); }
  // Layers in training mode, from now on; with `statistics` false, those that keep running statistics stay in
  // evaluation mode.
  void train(bool statistics);

  // The model's own forward in the mode that it is in, with a graph; `output` as in ModelOptions.
  at::Tensor forward(const at::Tensor& input, const std::string& output);
  // The same with other parameters of a linear layer or 1x1 convolution, as long as it runs.
  at::Tensor forward(const at::Tensor& input, const std::string& output, const std::string& layer,
                     const HeadParameters& parameters);

  // Parameters and buffers by name, detached: the tensors themselves, not copies.
  NamedTensors state() const;
  // Copies those values into them. Throws Error(Fault::input) when names or shapes differ.
  void set_state(const NamedTensors& state);

  // Writes a TorchScript file, tensor by tensor. Throws Error(Fault::output) where there is no way to write one, or the
  // stream does not take it.
  void save(std::ostream& file);
  // What save() writes.
  std::string saved();
  // Gives parameters and layers the flags that they came with.
  void restore_flags();
  void to(c10::Device device) { source_.parameters.to(device); }

 private:
  // Whether a name of the parameter matches one of the patterns.
  std::vector<bool> matched(const char* key, const std::vector<std::string>& patterns) const;

  ModelSource source_;
  std::vector<std::pair<torch::jit::Module, bool>> training_;  // of all layers that have the flag
  std::vector<std::pair<at::Tensor, bool>> requires_grad_;     // of all parameters
};

// New classes: that layer gets so many outputs, with drawn weight and bias. The layer's code stays as it is. Returns
// whether they have another shape than the old ones. Throws as head_of.
bool replace_head(const ModelSource& source, const std::string& layer, int64_t classes, uint64_t seed);

// Throws Error(Fault::spec) unless `scores` [N,K] has a column for each of `classes` classes; `head` is the layer that
// was replaced, "" when none was.
void require_classes(int64_t columns, int64_t classes, const ModelSource& source, const std::string& head);

// Whether `text` matches `pattern`, in which '*' stands for any text and '?' for any character.
bool matches(const std::string& text, const std::string& pattern);

}  // namespace attune
