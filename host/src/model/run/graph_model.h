// A model whose graph is known, whatever kind of file it comes from.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <attune/model.h>

#include "model/run/programs.h"

namespace attune {

struct Trial;

// A rewritten graph, and the operators in it that are activations.
struct Rewritten {
  LayeredGraph graph;
  std::vector<std::string> activations;
};

// The source's graph is copied and rewritten once. Its parameters are shared, so that training them shows in the maps;
// they are only ever read.
class GraphModel : public ImageModel {
 public:
  // Throws Error(Fault::input) when the graph cannot be rewritten or has no such layer.
  explicit GraphModel(const ModelSource& source, const ModelOptions& options = {});

  const std::vector<LayerInfo>& layers() const override { return state_->layers; }
  at::Tensor parameter(const std::string& name) const override;
  std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                const at::Generator& generator = {}) override;
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t begin, int64_t end)>& make) override;

  std::string source() const override { return state_->source.format; }
  const ModelOptions& options() const override { return state_->options; }
  c10::Device device() const override { return state_->options.device; }
  at::ScalarType dtype() const override;
  NamedTensorList parameters() const override;
  NamedTensorList buffers() const override;
  std::unique_ptr<ImageModel> copy(at::ScalarType type) const override;
  std::shared_ptr<ImageModel> with_output(const std::string& output) const override;
  void require(const Capture& capture) const override;
  std::string auto_layer(const at::Tensor& input) override;
  std::vector<LayerReport> inspect(const at::Tensor& input) override;
  std::vector<OutputReport> output_shapes(const at::Tensor& input) const override;
  const std::vector<std::string>& activations() const override { return state_->activations; }
  const std::vector<std::string>& remarks() const override { return state_->remarks; }
  std::vector<int64_t> likely_input() const override;
  OutputKind output_kind() const override { return state_->output_kind; }
  at::Tensor module_output(const at::Tensor& input, bool gradients) const override;
  void refresh() override { state_->programs.refresh(); }

  struct State {
    State(const ModelSource& source, const ModelOptions& options, Rewritten rewritten);

    ModelSource source;
    ModelOptions options;
    Programs programs;
    std::vector<std::string> activations;
    std::vector<LayerInfo> layers;                     // those that can be captured
    std::map<std::string, size_t> position;            // of a layer in program order
    std::map<std::string, std::string> branch_layers;  // name -> type of those that cannot
    OutputKind output_kind;
    std::vector<std::string> remarks;
    std::set<std::string> without_gradient;  // layers where the model switches gradients off
    bool switches_gradients;                 // whether it does so anywhere
    std::mutex auto_mutex;
    std::string auto_layer;
    std::mutex trial_mutex;
    std::map<std::vector<int64_t>, std::shared_ptr<const Trial>> trials;  // by the shape of one input
    std::map<std::string, const Node*> affine;                            // layers that have a bias, of the live graph
    std::vector<std::string> attention;                                   // attention blocks, in program order
  };

 private:
  std::unique_ptr<State> state_;
};

// The name of a layer's class without its package; "" when the path names no module.
std::string layer_type(const torch::jit::Module& parameters, const std::string& layer);

// Throws Error(Fault::input) where the model switches gradients off at `layer`.
void check_gradient(const GraphModel::State& state, const std::string& layer);

// Throws Error(Fault::input) with the nearest names unless the layer can be captured so.
void check_capture(const GraphModel::State& state, const Capture& capture);

// Runs the model once more, watching the layers it passes, and throws Error(Fault::input) with the shape of the input,
// the failing layer, the last one reached and the reason.
[[noreturn]] void explain_failure(GraphModel& model, GraphModel::State& state, const at::Tensor& input,
                                  const std::exception& error);

// Throws what a backward pass ended with as Error(Fault::input): operators without a derivative with their layer,
// tensors that the model overwrites although their gradient needs them.
[[noreturn]] void explain_gradient_failure(const GraphModel::State& state, const std::exception& error);

// `gradients` were recorded, to be differentiated. Throws Error(Fault::input), with layer and operator, when LibTorch
// has no derivative for one of the operators that they are made of.
void check_second_derivatives(const GraphModel::State& state, const std::vector<at::Tensor>& gradients);

// Throws Error(Fault::input) when no gradient has come through a model that switches gradients off.
void check_reached(const std::vector<at::Tensor>& gradients);

}  // namespace attune
