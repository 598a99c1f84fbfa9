// Vision models, whatever kind of file they come from.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/model.h>

namespace attune {

// What the numbers of an output [N,K] are, as the operators that end the model say.
enum class OutputKind { scores, softmax, log_softmax, sigmoid };

using NamedTensorList = std::vector<std::pair<std::string, at::Tensor>>;

struct ModelOptions {
  c10::Device device = c10::Device(c10::kCPU);
  // Of a model that returns a tuple or a dict: an index or a key; of an ONNX file also any value that its graph makes
  // on the way, where the model then ends. "auto": the first tensor.
  std::string output = "auto";
  std::string layer = "auto";   // what "auto" stands for wherever a layer is named
  std::string layout = "auto";  // of layers: "channels_first", "channels_last", "tokens" or "auto"
  bool multi_label = false;     // a probability for each class rather than one distribution over all
  int64_t chunk = 32;           // rows of one pass in Model::outputs()
  // Of a model that takes several inputs: all but the one that is explained, by name (of forward's argument; a key or
  // an index of a dictionary, list or tuple), each [1,...] on the model's device. They stand beside every row and are
  // read at every run, so that values written into these tensors show.
  NamedTensorList extra = {};
};

// A layer as one forward pass sees it.
struct LayerReport {
  std::string name;
  std::string type;
  std::vector<int64_t> shape;  // of the raw activation, without N; empty when the layer was not reached
  int spatial = 0;             // number of spatial axes as the canonical layout reads it; 0 when it has none
  bool in_branch = false;      // inside a branch or loop that depends on the input, so that no map can be made there
  std::string no_map;          // why the activation is no map of the input; "" when it is one
};

struct OutputReport {
  std::string name;
  std::vector<int64_t> shape;
};

// A model, ready to be asked for activations, gradients and maps. Nothing of it is ever changed: mode, flags, `.grad`,
// weights and buffers stay as they are. Any number of threads may use one model at once.
class ImageModel : public Model {
 public:
  // The kind of file: "torchscript", "exported" or "onnx".
  virtual std::string source() const = 0;
  virtual const ModelOptions& options() const = 0;
  // Device and floating type of the parameters.
  virtual c10::Device device() const = 0;
  virtual at::ScalarType dtype() const = 0;
  // Parameters and buffers by their attribute paths, in the model's order. They are the model's own: training them
  // shows in the maps.
  virtual NamedTensorList parameters() const = 0;
  virtual NamedTensorList buffers() const = 0;
  // A model of its own whose parameters and buffers have this floating type.
  virtual std::unique_ptr<ImageModel> copy(at::ScalarType type) const = 0;
  // The same weights, looked at by another output (ModelOptions::output).
  virtual std::shared_ptr<ImageModel> with_output(const std::string& output) const = 0;

  // Throws Error(Fault::input) with the nearest names unless the layer can be captured so; "auto" is always fine.
  virtual void require(const Capture& capture) const = 0;
  // What "auto" stands for: the last layer with spatial extent that is not pooling, dropout, identity, reshaping or
  // class scores and whose gradient is not identically zero on the first row of `input`. Probed once.
  virtual std::string auto_layer(const at::Tensor& input) = 0;
  // Every layer and its shape on `input`; nothing is differentiated.
  virtual std::vector<LayerReport> inspect(const at::Tensor& input) = 0;
  // The tensors among what the model gives for `input`: indices of a tuple or list, keys of a dict, "" of a single
  // tensor, and their shapes with N.
  virtual std::vector<OutputReport> output_shapes(const at::Tensor& input) const = 0;
  // The activation functions whose backward rule guided methods change, in order ("relu", "gelu"...).
  virtual const std::vector<std::string>& activations() const = 0;
  // What makes its scores or maps other than one expects, a sentence each: layers that were exported in training mode,
  // random numbers, an output of probabilities.
  virtual const std::vector<std::string>& remarks() const = 0;
  // A guess of what the model takes, [C,S1..Sd], read off its first convolution: clips and images of 3 channels
  // otherwise.
  virtual std::vector<int64_t> likely_input() const = 0;

  virtual OutputKind output_kind() const = 0;
  // The probability of every class, of an output [N,K] of this model: as it is where the model ends in softmax or
  // sigmoid; otherwise by sigmoid for multi-label models and a single score, by softmax for others.
  at::Tensor probabilities(const at::Tensor& output) const;
  // The scores before the softmax or sigmoid that the model ends in, up to a constant; others as they are. For losses
  // and decisions, which expect such.
  at::Tensor logits(const at::Tensor& output) const;

  // The output [N,..] of the model as its file has it, untouched by any rewriting; `gradients`: record a graph.
  virtual at::Tensor module_output(const at::Tensor& input, bool gradients) const = 0;
  // Forgets the copies made of parameters. Only needed after a change that leaves no trace: training and
  // `load_state_dict` do leave one.
  virtual void refresh() = 0;
};

// Reads a model's file. Throws Error(Fault::input) when `path` is none (and says how to make one) or cannot be
// rewritten.
std::shared_ptr<ImageModel> open_model(const std::filesystem::path& path, const ModelOptions& options = {});

}  // namespace attune
