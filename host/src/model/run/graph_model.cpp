#include "model/run/graph_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/graph/compat.h"
#include "model/layers/layers.h"
#include "model/run/forward_pass.h"
#include "model/run/trial.h"

namespace attune {
namespace {

using torch::jit::Module;

void check_operator(const Node* node) {
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

bool is_device(const Node* node) {
  return node->kind() == c10::prim::Constant && node->output()->type()->kind() == c10::TypeKind::DeviceObjType;
}

bool is_in_bfloat16(const Module& parameters) {
  for (const at::Tensor& parameter : parameters.parameters()) {
    if (parameter.scalar_type() == at::kBFloat16) return true;
  }
  return false;
}

Rewritten rewrite(const ModelSource& source, c10::Device device) {
  return rewritten([&] {
    Rewritten result{source.graph->copy(), {}};
    for_each_node(result.graph->block(), check_operator);
    simplify(result.graph, source.parameters);
    const bool is_wrong = !transposes_in_bfloat16 && device.is_cpu() && is_in_bfloat16(source.parameters);
    if (is_wrong) transpose_in_float32(result.graph);
    for (Node* node : nodes_where(result.graph->block(), is_device)) {  // tracing writes down the one that it ran on
      torch::jit::WithInsertPoint point(node);
      node->output()->replaceAllUsesWith(result.graph->insertConstant(device));
      node->destroy();
    }
    result.activations = gate_activations(result.graph);
    return result;
  });
}

std::vector<std::string> joined(std::vector<std::string> list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

}  // namespace

GraphModel::State::State(const ModelSource& source, const ModelOptions& options, Rewritten rewritten)
    : source(source),
      options(options),
      programs(source.parameters, rewritten.graph),
      activations(std::move(rewritten.activations)),
      output_kind(attune::output_kind(rewritten.graph, options.output)),
      remarks(joined(source.remarks, remarks_on(rewritten.graph, output_kind))),
      without_gradient(layers_without_gradient(rewritten.graph)),
      switches_gradients(attune::switches_gradients(rewritten.graph)),
      affine(affine_layers(rewritten.graph, source.parameters)) {
  this->options.multi_label = options.multi_label || source.multi_label;
  const auto blocks = attention_blocks(rewritten.graph);
  for (const auto& name : top_level_layers(rewritten.graph)) {
    position[name] = layers.size();
    layers.push_back({name, layer_type(source.parameters, name), blocks.count(name) != 0, affine.count(name) != 0});
    if (blocks.count(name) != 0) attention.push_back(name);
  }
  for (const auto& name : all_layers(rewritten.graph)) {
    if (position.count(name) == 0) branch_layers[name] = layer_type(source.parameters, name);
  }
}

std::string layer_type(const Module& parameters, const std::string& layer) {
  const auto value = attribute_at(parameters, layer.substr(0, layer.find('@')));
  return value.isObject() ? value.toObject()->type()->name()->name() : "";
}

void check_gradient(const GraphModel::State& state, const std::string& layer) {
  if (state.without_gradient.count(layer) == 0) return;
  throw Error(Fault::input, "layer '" + layer +
                                "' lies where the model switches gradients off (torch.no_grad), so that no map can be "
                                "made of its gradients; name another layer, or export the model without that");
}

namespace {

void check_layer(const GraphModel::State& state, const std::string& layer) {
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

void check_capture(const GraphModel::State& state, const Capture& capture) {
  check_layer(state, capture.layer);
  const auto& blocks = state.attention;
  if (capture.kind != Capture::attention || std::count(blocks.begin(), blocks.end(), capture.layer) > 0) return;
  throw Error(Fault::input, no_attention(capture.layer, top_level_layers(state.programs.live()->graph()), blocks));
}

GraphModel::GraphModel(const ModelSource& source, const ModelOptions& options)
    : state_(std::make_unique<State>(source, options, rewrite(source, options.device))) {
  require({options.layer});
}

void GraphModel::require(const Capture& capture) const {
  if (capture.layer != "auto") check_capture(*state_, capture);
}

NamedTensorList GraphModel::parameters() const {
  NamedTensorList tensors;
  for (const auto& [name, tensor] : state_->source.parameters.named_parameters()) tensors.emplace_back(name, tensor);
  return tensors;
}

NamedTensorList GraphModel::buffers() const {
  NamedTensorList tensors;
  for (const auto& [name, tensor] : state_->source.parameters.named_buffers()) tensors.emplace_back(name, tensor);
  return tensors;
}

std::unique_ptr<ImageModel> GraphModel::copy(at::ScalarType type) const {
  ModelSource source = state_->source;
  source.parameters = source.parameters.deepcopy();
  const auto convert = [type](at::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(type));
  };
  for (const at::Tensor& parameter : source.parameters.parameters()) convert(parameter);
  for (const at::Tensor& buffer : source.parameters.buffers()) convert(buffer);
  return std::make_unique<GraphModel>(source, state_->options);
}

std::shared_ptr<ImageModel> GraphModel::with_output(const std::string& output) const {
  ModelOptions options = state_->options;
  options.output = output;
  return std::make_shared<GraphModel>(state_->source, options);
}

at::Tensor GraphModel::parameter(const std::string& name) const {
  std::vector<std::string> names;
  for (const NamedTensorList& tensors : {parameters(), buffers()}) {
    for (const auto& [found, tensor] : tensors) {
      if (found == name) return tensor;
      names.push_back(found);
    }
  }
  throw Error(Fault::run, "the model has no parameter '" + name + "'" + did_you_mean(name, names));
}

std::unique_ptr<Pass> GraphModel::forward(const at::Tensor& input, const Needs& needs, bool graph,
                                          const at::Generator& generator) {
  return std::make_unique<ForwardPass>(*this, *state_, input, needs, graph, generator);
}

at::Tensor GraphModel::outputs(int64_t rows, const std::function<at::Tensor(int64_t, int64_t)>& make) {
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < rows; begin += state_->options.chunk) {
    const int64_t end = std::min(rows, begin + state_->options.chunk);
    parts.push_back(forward(make(begin, end), {}, false)->output());
  }
  return parts.empty() ? at::empty({0, 0}, at::TensorOptions().dtype(dtype()).device(device())) : at::cat(parts);
}

std::vector<LayerReport> GraphModel::inspect(const at::Tensor& input) {
  const auto trial = trial_of(*state_, input);
  if (trial->failed) forward(input, {}, false);  // throws what is wrong
  std::vector<int64_t> row = input.sizes().vec();
  row[0] = 1;
  std::vector<LayerReport> reports;
  for (const auto& name : all_layers(state_->programs.live()->graph())) {
    LayerReport report{name, layer_type(state_->source.parameters, name), {}, 0, state_->position.count(name) == 0, ""};
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

std::vector<int64_t> GraphModel::likely_input() const {
  if (!state_->source.input.empty()) return state_->source.input;
  for (const auto& parameter : state_->source.parameters.named_parameters()) {
    const auto shape = parameter.value.sizes();
    const std::string& name = parameter.name;
    if (name.size() < 6 || name.compare(name.size() - 6, 6, "weight") != 0) continue;
    if (shape.size() == 3) return {shape[1], 1024};
    if (shape.size() == 4) return {shape[1], 224, 224};
    if (shape.size() == 5) return {shape[1], 16, 112, 112};
  }
  return {3, 224, 224};
}

namespace {

c10::IValue whole_output(const ModelSource& source, const at::Tensor& input) {
  return with_reason(Fault::input, "the model fails", [&] { return source.output(input); });
}

}  // namespace

at::Tensor GraphModel::module_output(const at::Tensor& input, bool gradients) const {
  const at::AutoGradMode mode(gradients);
  return output_of(whole_output(state_->source, input), state_->options.output, input.size(0));
}

std::vector<OutputReport> GraphModel::output_shapes(const at::Tensor& input) const {
  const at::AutoGradMode mode(false);
  std::vector<OutputReport> reports;
  for (const auto& [name, tensor] : tensors_in(whole_output(state_->source, input))) {
    reports.push_back({name, tensor.sizes().vec()});
  }
  return reports;
}

at::Tensor ImageModel::probabilities(const at::Tensor& output) const {
  return probabilities_of(output, output_kind(), options().multi_label);
}

at::Tensor ImageModel::logits(const at::Tensor& output) const { return logits_of(output, output_kind()); }

at::ScalarType GraphModel::dtype() const {
  for (const auto& parameter : state_->source.parameters.parameters()) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::kFloat;
}

}  // namespace attune
