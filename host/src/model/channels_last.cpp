#include "model/channels_last.h"

#include <algorithm>
#include <set>
#include <vector>

#include "model/operators.h"

namespace attune {
namespace {

using torch::jit::Node;
using torch::jit::Value;

// Operators that give the same values for any strides; a `view` may refuse some.
bool takes_either_order(const Node* node) {
  static const std::set<std::string> known = {"aten::conv2d",
                                              "aten::_convolution",
                                              "aten::batch_norm",
                                              "aten::relu",
                                              "aten::relu_",
                                              "aten::hardtanh",
                                              "aten::hardtanh_",
                                              "aten::silu",
                                              "aten::sigmoid",
                                              "aten::hardswish",
                                              "aten::hardsigmoid",
                                              "aten::gelu",
                                              "aten::leaky_relu",
                                              "aten::add",
                                              "aten::add_",
                                              "aten::mul",
                                              "aten::mul_",
                                              "aten::cat",
                                              "aten::max_pool2d",
                                              "aten::avg_pool2d",
                                              "aten::mean",
                                              "aten::dropout",
                                              "aten::adaptive_avg_pool2d",
                                              "aten::flatten",
                                              "aten::linear",
                                              "aten::size",
                                              "aten::select",
                                              "aten::slice",
                                              "aten::unsqueeze",
                                              "aten::clamp_min"};
  const auto kind = node->kind();
  return kind.is_prim() ? node->blocks().empty() : kind == accumulate_symbol || known.count(kind.toQualString()) != 0;
}

// The weight, a constant, of a 2-D convolution that this is about; null otherwise.
Node* weight_of(const Node* node) {
  if (node->kind() != c10::aten::conv2d && node->kind() != c10::aten::_convolution) return nullptr;
  Node* weight = node->input(1)->node();
  if (weight->kind() != c10::prim::Constant || !weight->hasAttribute(c10::attr::value)) return nullptr;
  const at::Tensor& values = weight->t(c10::attr::value);
  return values.dim() == 4 && values.is_cpu() && values.scalar_type() == at::kFloat ? weight : nullptr;
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

void prefer_channels_last(const LayeredGraph& graph) {
  const auto nodes = graph->nodes();
  if (!std::all_of(nodes.begin(), nodes.end(), takes_either_order)) return;
  std::vector<Node*> weights;
  for (const Node* node : nodes) {
    if (Node* weight = weight_of(node)) weights.push_back(weight);
  }
  if (weights.empty()) return;
  for (Node* weight : weights) {
    weight->t_(c10::attr::value, weight->t(c10::attr::value).contiguous(at::MemoryFormat::ChannelsLast));
  }
  for (size_t i = 0; i < graph->outputs().size(); ++i) make_contiguous(*graph, i);
}

}  // namespace attune
