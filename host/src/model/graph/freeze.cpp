// A copy of a model's graph for passes that need no gradient of its parameters.

#include <algorithm>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include "model/graph/graph.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// Whether a condition is computed from the input and constants alone, without running any part of the model.
bool is_about_input(const Value* value, const Value* input) {
  if (value == input) return true;
  if (value->type()->isSubtypeOf(*c10::TensorType::get())) return false;
  const auto inputs = value->node()->inputs();
  return std::all_of(inputs.begin(), inputs.end(), [&](const auto* v) { return is_about_input(v, input); });
}

// Checks of intermediate activations (batch norm's rank check) stand between a convolution and its norm. Where they can
// fail, the model's input checks and the live graph say so; the user's own checks of the input stay.
void drop_inner_checks(Graph& graph) {
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* node = *it++;
    if (is_check(node) && !is_about_input(node->input(), graph.inputs()[2])) node->destroy();
  }
}

// Detached aliases share the model's memory, so that freezing copies nothing.
void inline_parameters(Graph& graph, Block* block, const torch::jit::Module& module) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) inline_parameters(graph, inner, module);
    if (node->kind() != c10::prim::GetAttr) continue;
    const auto path = attribute_path(node->output(), graph.inputs()[0]);
    if (!path) continue;
    const auto value = attribute_at(module, *path);
    if (!value.isTensor() || !value.toTensor().defined()) continue;
    torch::jit::WithInsertPoint point(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(value.toTensor().detach()));
    node->destroy();
  }
}

}  // namespace

LayeredGraph freeze(const LayeredGraph& graph, const torch::jit::Module& module) {
  LayeredGraph frozen = graph->copy();
  drop_inner_checks(*frozen);
  inline_parameters(*frozen, frozen->block(), module);
  torch::jit::EliminateDeadCode(frozen);
  return frozen;
}

}  // namespace attune
