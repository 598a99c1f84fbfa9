#include "formats/onnx/builder.h"

#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <attune/sdk/error.h>

#include "formats/onnx/onnx.h"
#include "formats/onnx/operators.h"

namespace attune {
namespace {

constexpr int64_t oldest_opset = 7, newest_opset = 26;

int64_t opset_of(const OnnxModel& model) {
  const auto own = model.opsets.find("");
  if (own == model.opsets.end()) throw Error(Fault::input, "is damaged: it does not say which opset it is of");
  if (own->second >= oldest_opset && own->second <= newest_opset) return own->second;
  throw Error(Fault::input, "is of ONNX's opset " + std::to_string(own->second) + ", expected " +
                                std::to_string(oldest_opset) + " to " + std::to_string(newest_opset));
}

}  // namespace

OnnxBuilder::OnnxBuilder(OnnxModel model, std::filesystem::path path, c10::Device device, std::string output)
    : model_((cut_behind(model.graph, output), find_weights(model.graph), join_linear(model.graph), std::move(model))),
      path_(std::move(path)),
      device_(device),
      asked_(std::move(output)),
      opset_(opset_of(model_)),
      layers_(onnx_layers(model_.graph)),
      tree_(layers_.types),
      graph_(std::make_shared<Graph>()) {
  for (const OnnxNode& node : model_.graph.nodes) add_inputs(node, used_);
  for (const OnnxValueInfo& output : model_.graph.outputs) used_.insert(output.name);
  used_.erase("");
}

ModelSource OnnxBuilder::build() {
  graph_->addInput("self")->setType(tree_.at("").type());
  add_initializers();
  add_input();
  for (size_t i = 0; i < model_.graph.nodes.size(); ++i) add_node(model_.graph.nodes[i], i);
  graph_->registerOutput(output());
  torch::jit::EliminateDeadCode(graph_);
  find_activations(*graph_);
  torch::jit::EliminateDeadCode(graph_);
  number_repeated_calls(graph_);
  ModelSource source{"onnx", graph_, tree_.at("")};
  source.save = as_torchscript(graph_);
  source.own = OwnFile{".onnx", [path = path_, names = initializers_](const auto& to, const NamedTensors& state) {
                         std::map<std::string, at::Tensor> values;
                         for (const auto& [at, name] : names) {
                           if (state.count(at) != 0) values[name] = state.at(at);
                         }
                         write_initializers(path, to, values);
                       }};
  source.remarks = remarks_;
  source.multi_label = multi_label_;
  if (std::all_of(sizes_.begin() + 1, sizes_.end(), [](int64_t size) { return size > 0; })) {
    source.input.assign(sizes_.begin() + 1, sizes_.end());
  }
  if (batch_ == 0 || source.input.empty() || has_independent_rows(source, sizes_)) return source;
  throw Error(Fault::input, "was exported for batches of " + std::to_string(batch_) +
                                " alone; export it with a batch of any size (dynamic_axes, or dynamic_shapes)");
}

void OnnxBuilder::add_initializers() {
  first_ = graph_->insertNode(graph_->createNone());
  for (const OnnxTensor& tensor : model_.graph.initializers) {
    const bool is_known = values_.count(tensor.name) != 0;
    if (is_known) throw Error(Fault::input, "is damaged: it has the parameter '" + tensor.name + "' twice");
    keep(tensor.name, tensor_of(tensor, model_.bytes, path_.parent_path()), tensor.name);
  }
  for (const OnnxValueInfo& info : model_.graph.values) {
    const bool is_known =
        info.sizes && std::none_of(info.sizes->begin(), info.sizes->end(), [](int64_t s) { return s < 0; });
    if (is_known) known_sizes_[info.name] = *info.sizes;
  }
}

void OnnxBuilder::refuse(const OnnxNode& node, const std::string& reason) const {
  throw Error(Fault::input, "has the operator " + node.op.substr(0, 60) +
                                (node.name.empty() ? "" : " ('" + node.name.substr(0, 100) + "')") +
                                (scope_.empty() ? "" : " in layer '" + scope_ + "'") +
                                ", which cannot be read here: " + reason);
}

void OnnxBuilder::add_node(const OnnxNode& node, size_t index) {
  const auto scope = layers_.scopes.find(index);
  scope_ = scope == layers_.scopes.end() ? "" : scope->second;
  Node* const before = *std::prev(graph_->nodes().end());
  if (!add_known(node) && !add_arithmetic(node) && !add_twin(node)) add_call(node);
  if (limit_.was_reached()) refuse(node, "what its constants become takes more than a gigabyte");
  for (Node* made = before->next(); made != graph_->return_node(); made = made->next()) set_scope(made, scope_);
}

std::optional<ModelSource> read_onnx(const std::filesystem::path& path, c10::Device device, const std::string& output) {
  bool is_onnx = path.extension() == ".onnx";
  try {
    OnnxModel model = read_onnx_model(path);
    is_onnx = is_onnx || !model.opsets.empty();
    if (!is_onnx) return std::nullopt;
    return OnnxBuilder(std::move(model), path, device, output).build();
  } catch (const Error& error) {
    if (!is_onnx) return std::nullopt;
    throw Error(error.fault(), "model '" + path.string() + "' " + printable(error.what()));
  } catch (const std::exception& error) {
    if (!is_onnx) return std::nullopt;
    throw Error(Fault::input, "model '" + path.string() + "' is damaged: " + reason_of(error));
  }
}

}  // namespace attune
