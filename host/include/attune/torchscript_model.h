// TorchScript models, ready to be asked for activations, gradients and maps.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/model.h>

namespace torch::jit {
struct Module;
}

namespace attune {

// What the numbers of an output [N,K] are, as the operators that end the model say.
enum class OutputKind { scores, softmax, log_softmax, sigmoid };

struct ModelOptions {
  c10::Device device = c10::Device(c10::kCPU);
  std::string output =
      "auto";                  // of a model that returns a tuple or a dict: an index or a key; "auto": the first tensor
  std::string layer = "auto";  // what "auto" stands for wherever a layer is named
  std::string layout = "auto";  // of layers: "channels_first", "channels_last", "tokens" or "auto"
  bool multi_label = false;     // a probability for each class rather than one distribution over all
  int64_t chunk = 32;           // rows of one pass in Model::outputs()
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

// A TorchScript file's graph is copied and rewritten once; the module itself is only ever run, never changed: mode,
// flags, `.grad`, weights and buffers stay as they are. Any number of threads may use one model at once.
class TorchScriptModel final : public Model {
 public:
  // Throws Error(Fault::input) when `path` is no TorchScript file (and says how to make one) or cannot be rewritten.
  static std::shared_ptr<TorchScriptModel> load(const std::filesystem::path& path, const ModelOptions& options = {});
  // Shares the module's parameters, so that training it shows in the maps.
  explicit TorchScriptModel(const torch::jit::Module& module, const ModelOptions& options = {});
  ~TorchScriptModel() override;

  const std::vector<LayerInfo>& layers() const override;
  at::Tensor parameter(const std::string& name) const override;
  std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                const at::Generator& generator = {}) override;
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t begin, int64_t end)>& make) override;

  // Throws Error(Fault::input) with the nearest names unless the layer can be captured so; "auto" is always fine.
  void require(const Capture& capture) const;
  // What "auto" stands for: the last layer with spatial extent that is not pooling, dropout, identity, reshaping or
  // class scores and whose gradient is not identically zero on the first row of `input`. Probed once.
  std::string auto_layer(const at::Tensor& input);
  // Every layer and its shape on `input`; nothing is differentiated.
  std::vector<LayerReport> inspect(const at::Tensor& input);
  // The activation functions whose backward rule guided methods change, in order ("relu", "gelu"...).
  const std::vector<std::string>& activations() const;
  // What makes its scores or maps other than one expects, a sentence each: layers that were exported in training mode,
  // random numbers, an output of probabilities.
  const std::vector<std::string>& remarks() const;
  OutputKind output_kind() const;
  // The probability of every class, of an output [N,K] of this model: as it is where the model ends in softmax or
  // sigmoid; otherwise by sigmoid for multi-label models and a single score, by softmax for others.
  at::Tensor probabilities(const at::Tensor& output) const;
  // The scores before the softmax or sigmoid that the model ends in, up to a constant; others as they are. For losses
  // and decisions, which expect such.
  at::Tensor logits(const at::Tensor& output) const;
  // A guess of what the model takes, [C,S1..Sd], read off its first convolution: clips and images of 3 channels
  // otherwise.
  std::vector<int64_t> likely_input() const;
  // The module's own forward, untouched by any rewriting; `gradients`: record a graph.
  at::Tensor module_output(const at::Tensor& input, bool gradients) const;
  // Forgets the copies made of parameters. Only needed after a change that leaves no trace: training and
  // `load_state_dict` do leave one.
  void refresh();

  const torch::jit::Module& module() const;
  const ModelOptions& options() const;
  // Device and floating type of the parameters.
  c10::Device device() const;
  at::ScalarType dtype() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace attune
