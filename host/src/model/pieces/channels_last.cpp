#include "model/pieces/pieces.h"

#include <algorithm>
#include <set>
#include <string>

namespace attune {
namespace {

using torch::jit::Node;
using torch::jit::Value;

// Numbers, strings, and lists of them.
bool holds_no_tensor(const Value* value) {
  const auto& type = value->type();
  const auto inner = type->kind() == c10::TypeKind::ListType ? type->containedTypes()[0] : type;
  return !inner->isSubtypeOf(*c10::TensorType::get()) && inner->kind() != c10::TypeKind::AnyType;
}

// Operators that give the same values for any strides; a `view` may refuse some.
bool takes_either_order(const Node* node) {
  static const std::set<std::string> known = {"aten::_convolution",
                                              "aten::adaptive_avg_pool2d",
                                              "aten::add",
                                              "aten::add_",
                                              "aten::avg_pool2d",
                                              "aten::batch_norm",
                                              "aten::cat",
                                              "aten::clamp",
                                              "aten::clamp_min",
                                              "aten::clone",
                                              "aten::conv2d",
                                              "aten::dim",
                                              "aten::div",
                                              "aten::dropout",
                                              "aten::elu",
                                              "aten::flatten",
                                              "aten::gelu",
                                              "aten::hardsigmoid",
                                              "aten::hardswish",
                                              "aten::hardtanh",
                                              "aten::hardtanh_",
                                              "aten::leaky_relu",
                                              "aten::linear",
                                              "aten::matmul",
                                              "aten::max_pool2d",
                                              "aten::mean",
                                              "aten::mul",
                                              "aten::mul_",
                                              "aten::pow",
                                              "aten::relu",
                                              "aten::relu6",
                                              "aten::relu_",
                                              "aten::reshape",
                                              "aten::select",
                                              "aten::sigmoid",
                                              "aten::silu",
                                              "aten::size",
                                              "aten::slice",
                                              "aten::softplus",
                                              "aten::square",
                                              "aten::sub",
                                              "aten::t",
                                              "aten::tanh",
                                              "aten::unsqueeze",
                                              "aten::upsample_bilinear2d",
                                              "aten::upsample_nearest2d",
                                              "attune::gate"};
  const auto kind = node->kind();
  if (kind.is_prim()) return node->blocks().empty() || is_check(node);
  const auto inputs = node->inputs();
  return std::all_of(inputs.begin(), inputs.end(), holds_no_tensor) || known.count(kind.toQualString()) != 0;
}

bool is_convolution_2d(const Node* node) {
  return node->kind() == c10::aten::conv2d || node->kind() == c10::aten::_convolution;
}

void make_contiguous(torch::jit::Graph& graph, size_t output) {
  Value* value = graph.outputs()[output];
  if (!value->type()->isSubtypeOf(*c10::TensorType::get())) return;
  Value* format = graph.insertConstant(static_cast<int64_t>(at::MemoryFormat::Contiguous));
  Node* node = graph.appendNode(graph.create(c10::aten::contiguous, {value, format}));
  node->output()->setType(value->type());
  graph.block()->replaceOutput(output, node->output());
}

}  // namespace

bool takes_channels_last(const LayeredGraph& graph) {
  const auto nodes = graph->nodes();
  return std::any_of(nodes.begin(), nodes.end(), is_convolution_2d) &&
         std::all_of(nodes.begin(), nodes.end(), takes_either_order);
}

void return_contiguous(const LayeredGraph& graph, size_t count) {
  for (size_t i = 0; i < count; ++i) make_contiguous(*graph, i);
}

}  // namespace attune
