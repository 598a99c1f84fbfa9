#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <algorithm>

#include <attune/sdk/error.h>
#include <attune/torchscript_model.h>

#include "model/archive.h"
#include "model/layers/attention.h"
#include "model/layers/biases.h"
#include "model/graph/contexts.h"
#include "model/failure.h"
#include "model/run/forward_pass.h"
#include "model/layers/output.h"
#include "model/layers/remarks.h"
#include "model/run/trial.h"

namespace attune {
namespace {

using torch::jit::Module;

void check_operators(const torch::jit::Block* block) {
  for (const torch::jit::Node* node : block->nodes()) {
    for (const torch::jit::Block* inner : node->blocks()) check_operators(inner);
    const std::string kind = node->kind().toQualString();
    if (kind.find("mkldnn") != std::string::npos) {
      throw Error(Fault::input, "the model was optimised for inference (it uses " + kind +
                                    "), which has no gradient; export it without torch.jit.optimize_for_inference");
    }
    if (kind.compare(0, 11, "quantized::") == 0) {
      throw Error(Fault::input, "the model is quantised (it uses " + kind +
                                    "), which has no gradient; export the floating-point model");
    }
  }
}

void check_input(const Module& module) {
  const auto method = module.find_method("forward");
  if (!method || method->function().getSchema().arguments().size() < 2) return;  // said where it is inlined
  const c10::Argument& input = method->function().getSchema().arguments()[1];
  if (c10::TensorType::get()->isSubtypeOf(*input.type())) return;
  throw Error(Fault::input, "the model's forward takes '" + input.name() + "' as " + input.type()->annotation_str() +
                                ", expected a Tensor [N,C,S1..Sd]; export a wrapper whose forward takes the picture "
                                "alone");
}

// Tracing writes the device down that it ran on.
void stay_on(c10::Device device, torch::jit::Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    torch::jit::Node* node = *it++;
    for (torch::jit::Block* inner : node->blocks()) stay_on(device, inner);
    if (node->kind() != c10::prim::Constant || node->output()->type()->kind() != c10::TypeKind::DeviceObjType) continue;
    torch::jit::WithInsertPoint point(node);
    node->output()->replaceAllUsesWith(node->owningGraph()->insertConstant(device));
    node->destroy();
  }
}

LayeredGraph rewrite(const Module& module, c10::Device device, std::vector<std::string>& activations) {
  check_input(module);
  LayeredGraph graph = inline_calls(module);
  check_operators(graph->block());
  simplify(graph, module);
  stay_on(device, graph->block());
  activations = gate_activations(graph);
  return graph;
}

std::unique_ptr<TorchScriptModel::State> make_state(const Module& module, const ModelOptions& options) {
  std::vector<std::string> activations;
  LayeredGraph graph;
  try {
    graph = rewrite(module, options.device, activations);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Fault::input, "the model's graph cannot be rewritten: " + reason_of(error));
  }
  const OutputKind kind = output_kind(graph, options.output);
  std::unique_ptr<TorchScriptModel::State> state(new TorchScriptModel::State{module,
                                                                             options,
                                                                             Programs(module, graph),
                                                                             std::move(activations),
                                                                             {},
                                                                             {},
                                                                             {},
                                                                             kind,
                                                                             {},
                                                                             layers_without_gradient(graph),
                                                                             switches_gradients(graph),
                                                                             {},
                                                                             {},
                                                                             {},
                                                                             {},
                                                                             {},
                                                                             {}});
  state->remarks = remarks_on(graph, kind);
  state->affine = affine_layers(graph, module);
  const auto blocks = attention_blocks(graph);
  for (const auto& name : top_level_layers(graph)) {
    state->position[name] = state->layers.size();
    state->layers.push_back({name, layer_type(module, name), blocks.count(name) != 0, state->affine.count(name) != 0});
    if (blocks.count(name) != 0) state->attention.push_back(name);
  }
  for (const auto& name : all_layers(graph)) {
    if (state->position.count(name) == 0) state->branch_layers[name] = layer_type(module, name);
  }
  return state;
}

}  // namespace

std::string layer_type(const Module& module, const std::string& layer) {
  const auto value = attribute_at(module, layer.substr(0, layer.find('@')));
  return value.isObject() ? value.toObject()->type()->name()->name() : "";
}

void check_gradient(const TorchScriptModel::State& state, const std::string& layer) {
  if (state.without_gradient.count(layer) == 0) return;
  throw Error(Fault::input, "layer '" + layer +
                                "' lies where the model switches gradients off (torch.no_grad), so that no map can be "
                                "made of its gradients; name another layer, or export the model without that");
}

namespace {

void check_layer(const TorchScriptModel::State& state, const std::string& layer) {
  if (state.position.count(layer) != 0) return;
  if (state.branch_layers.count(layer) != 0) {
    throw Error(Fault::input,
                "layer '" + layer + "' lies in a branch that depends on the input, so that no map can be made there");
  }
  if (state.layers.empty()) {
    throw Error(Fault::input,
                "unknown layer '" + layer +
                    "': the model has no named layers (was it frozen?); export it without torch.jit.freeze");
  }
  std::vector<std::string> names;
  for (const auto& info : state.layers) names.push_back(info.name);
  throw Error(Fault::input, "unknown layer '" + layer + "'" + did_you_mean(layer, names) +
                                "; `attune layers` lists all " + std::to_string(names.size()));
}

}  // namespace

void check_capture(const TorchScriptModel::State& state, const Capture& capture) {
  check_layer(state, capture.layer);
  const auto& blocks = state.attention;
  if (capture.kind != Capture::attention || std::count(blocks.begin(), blocks.end(), capture.layer) > 0) return;
  throw Error(Fault::input, no_attention(capture.layer, top_level_layers(state.programs.live()->graph()), blocks));
}

std::shared_ptr<TorchScriptModel> TorchScriptModel::load(const std::filesystem::path& path,
                                                         const ModelOptions& options) {
  const auto module = load_archive(path, options.device);
  try {
    return std::make_shared<TorchScriptModel>(module, options);
  } catch (const Error& error) {
    throw Error(error.fault(), "model '" + path.string() + "': " + error.what());
  }
}

std::shared_ptr<ImageModel> open_model(const std::filesystem::path& path, const ModelOptions& options) {
  return TorchScriptModel::load(path, options);
}

TorchScriptModel::TorchScriptModel(const Module& module, const ModelOptions& options)
    : state_(make_state(module, options)) {
  require({options.layer});
}

TorchScriptModel::~TorchScriptModel() = default;

const std::vector<LayerInfo>& TorchScriptModel::layers() const { return state_->layers; }
const std::vector<std::string>& TorchScriptModel::activations() const { return state_->activations; }
const torch::jit::Module& TorchScriptModel::module() const { return state_->module; }
const ModelOptions& TorchScriptModel::options() const { return state_->options; }
void TorchScriptModel::require(const Capture& capture) const {
  if (capture.layer != "auto") check_capture(*state_, capture);
}
void TorchScriptModel::refresh() { state_->programs.refresh(); }

NamedTensorList TorchScriptModel::parameters() const {
  NamedTensorList tensors;
  for (const auto& parameter : state_->module.named_parameters()) tensors.emplace_back(parameter.name, parameter.value);
  return tensors;
}

NamedTensorList TorchScriptModel::buffers() const {
  NamedTensorList tensors;
  for (const auto& buffer : state_->module.named_buffers()) tensors.emplace_back(buffer.name, buffer.value);
  return tensors;
}

std::unique_ptr<ImageModel> TorchScriptModel::copy(at::ScalarType type) const {
  const Module module = state_->module.deepcopy();
  const auto convert = [type](at::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(type));
  };
  for (const at::Tensor& parameter : module.parameters()) convert(parameter);
  for (const at::Tensor& buffer : module.buffers()) convert(buffer);
  return std::make_unique<TorchScriptModel>(module, state_->options);
}

at::Tensor TorchScriptModel::parameter(const std::string& name) const {
  std::vector<std::string> names;
  for (const NamedTensorList& tensors : {parameters(), buffers()}) {
    for (const auto& [found, tensor] : tensors) {
      if (found == name) return tensor;
      names.push_back(found);
    }
  }
  throw Error(Fault::run, "the model has no parameter '" + name + "'" + did_you_mean(name, names));
}

std::unique_ptr<Pass> TorchScriptModel::forward(const at::Tensor& input, const Needs& needs, bool graph,
                                                const at::Generator& generator) {
  return std::make_unique<ForwardPass>(*this, *state_, input, needs, graph, generator);
}

at::Tensor TorchScriptModel::outputs(int64_t rows, const std::function<at::Tensor(int64_t, int64_t)>& make) {
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < rows; begin += state_->options.chunk) {
    const int64_t end = std::min(rows, begin + state_->options.chunk);
    parts.push_back(forward(make(begin, end), {}, false)->output());
  }
  return parts.empty() ? at::empty({0, 0}, at::TensorOptions().dtype(dtype()).device(device())) : at::cat(parts);
}

std::vector<LayerReport> TorchScriptModel::inspect(const at::Tensor& input) {
  const auto trial = trial_of(*state_, input);
  if (trial->failed) forward(input, {}, false);  // throws what is wrong
  std::vector<int64_t> row = input.sizes().vec();
  row[0] = 1;
  std::vector<LayerReport> reports;
  for (const auto& name : all_layers(state_->programs.live()->graph())) {
    LayerReport report{name, layer_type(state_->module, name), {}, 0, state_->position.count(name) == 0, ""};
    if (const LayerVisit* visit = trial->find(name)) {
      report.shape.assign(visit->shape.begin() + (visit->shape.empty() ? 0 : 1), visit->shape.end());
      const Axes* axes = visit->axes ? &*visit->axes : nullptr;
      const Reading reading = read_layout(visit->shape, row, state_->options.layout, axes);
      const bool is_spatial = reading.layout && reading.layout->is_spatial();
      if (is_spatial) report.spatial = static_cast<int>(reading.layout->spatial.size());
      report.no_map = reading.why_not;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<int64_t> TorchScriptModel::likely_input() const {
  for (const auto& parameter : state_->module.named_parameters()) {
    const auto shape = parameter.value.sizes();
    const std::string& name = parameter.name;
    if (name.size() < 6 || name.compare(name.size() - 6, 6, "weight") != 0) continue;
    if (shape.size() == 3) return {shape[1], 1024};
    if (shape.size() == 4) return {shape[1], 224, 224};
    if (shape.size() == 5) return {shape[1], 16, 112, 112};
  }
  return {3, 224, 224};
}

at::Tensor TorchScriptModel::module_output(const at::Tensor& input, bool gradients) const {
  const at::AutoGradMode mode(gradients);
  Module module = state_->module;
  try {
    return scores_of(module.forward({input}), state_->options.output, input.size(0));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Fault::input, "the model fails: " + reason_of(error));
  }
}

OutputKind TorchScriptModel::output_kind() const { return state_->output_kind; }
const std::vector<std::string>& TorchScriptModel::remarks() const { return state_->remarks; }

at::Tensor ImageModel::probabilities(const at::Tensor& output) const {
  return probabilities_of(output, output_kind(), options().multi_label);
}

at::Tensor ImageModel::logits(const at::Tensor& output) const { return logits_of(output, output_kind()); }

c10::Device TorchScriptModel::device() const { return state_->options.device; }

at::ScalarType TorchScriptModel::dtype() const {
  for (const auto& parameter : state_->module.parameters()) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::kFloat;
}

}  // namespace attune
