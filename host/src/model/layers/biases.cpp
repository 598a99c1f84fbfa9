#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>
#include <set>
#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/operators.h"
#include "model/layers/layers.h"

namespace attune {
namespace {

using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

// Of a parameter, buffer or constant; undefined for None and for what is computed.
at::Tensor tensor_of(const Value* value, const Module& module) {
  auto constant = torch::jit::toIValue(value);
  if (!constant) {
    const auto path = attribute_path(value, value->owningGraph()->inputs()[0]);
    if (path && !path->empty()) constant = attribute_at(module, *path);
  }
  return constant && constant->isTensor() ? constant->toTensor() : at::Tensor();
}

bool is_norm(const Node* node) { return node->kind() == c10::aten::batch_norm; }

const Value* bias_input(const Node* node) {
  static const std::set<std::string> with_bias = {
      "aten::conv1d",      "aten::conv2d",           "aten::conv3d",           "aten::_convolution",
      "aten::convolution", "aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d",
      "aten::linear",      "aten::batch_norm"};
  if (node->kind() == c10::aten::addmm) return node->input(0);
  return with_bias.count(node->kind().toQualString()) != 0 ? node->input(2) : nullptr;
}

bool is_affine(const Node* node, const Module& module) {
  const Value* bias = bias_input(node);
  if (bias == nullptr) return false;
  if (!is_norm(node)) return tensor_of(bias, module).defined();
  const bool is_constant = torch::jit::constant_as<bool>(node->namedInput("training")).value_or(true) == false;
  return is_constant && tensor_of(node->namedInput("running_mean"), module).defined() &&
         torch::jit::constant_as<double>(node->namedInput("eps")).has_value();
}

}  // namespace

std::map<std::string, const Node*> affine_layers(const LayeredGraph& graph, const Module& module) {
  std::map<std::string, const Node*> layers;
  for (const Node* node : graph->nodes()) {
    if (node->kind() != layer_symbol) continue;
    const Node* from = unmarked(node->input(0))->node();
    if (is_affine(from, module)) layers[layer_name(node)] = from;
  }
  return layers;
}

at::Tensor bias_of(const Node* affine, const Module& module) {
  const at::Tensor bias = tensor_of(bias_input(affine), module);
  if (!is_norm(affine)) return bias;
  const auto of = [&](const char* name) { return tensor_of(affine->namedInput(name), module); };
  const double eps = *torch::jit::constant_as<double>(affine->namedInput("eps"));
  at::Tensor shift = of("running_mean") * at::rsqrt(of("running_var") + eps);
  if (of("weight").defined()) shift = shift * of("weight");
  return bias.defined() ? bias - shift : -shift;
}

bool has_channels_last(const Node* affine) {
  return affine->kind() == c10::aten::linear || affine->kind() == c10::aten::addmm;
}

}  // namespace attune
