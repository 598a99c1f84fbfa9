// Evaluation mode, no dead branches, input checks out of the way of layers; and the copy for passes that need no
// gradient of the parameters.

#include <algorithm>
#include <set>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>

#include "model/graph/graph.h"

namespace attune {
namespace {

// Numbers, flags, strings and lists of them that modules carry become constants; `training` becomes false. Attributes
// that forward itself assigns (counters, caches) do not: matched by name, which errs on the safe side.
void bake_attributes(Graph& graph, const torch::jit::Module& module) {
  std::set<std::string> assigned;
  for_each_node(graph.block(), [&](const Node* node) {
    if (node->kind() == c10::prim::SetAttr) assigned.insert(node->s(c10::attr::name));
  });
  for_each_node(graph.block(), [&](Node* node) {
    if (node->kind() != c10::prim::GetAttr) return;
    const std::string& name = node->s(c10::attr::name);
    const auto path = attribute_path(node->output(), graph.inputs()[0]);
    if (!path || assigned.count(name) != 0) return;
    const auto value = name == "training" ? c10::IValue(false) : attribute_at(module, *path);
    if (value.isTensor()) node->output()->setType(c10::TensorType::get());  // and not an optional one
    if (value.isTensor() || value.isObject()) return;
    torch::jit::WithInsertPoint point(node);
    if (const auto constant = torch::jit::tryInsertConstant(graph, value)) {
      node->output()->replaceAllUsesWith(*constant);
      node->destroy();
    }
  });
}

bool raises(const Block* block) {
  const auto nodes = block->nodes();
  const auto is_raise = [](const Node* node) { return node->kind() == c10::prim::RaiseException; };
  return std::any_of(nodes.begin(), nodes.end(), is_raise);
}

bool is_empty(const Block* block) { return block->nodes().begin() == block->nodes().end(); }

// The check of `node` alone: an If that raises in the same case and yields nothing.
void insert_check(Graph& graph, Node* node, size_t raising) {
  torch::jit::WithInsertPoint point(node);
  Node* check = graph.insertNode(graph.create(c10::prim::If, {node->input()}, 0));
  for (size_t i = 0; i < 2; ++i) {
    Block* block = check->addBlock();
    if (i != raising) continue;
    block->cloneFrom(node->blocks()[i], [](Value* outer) { return outer; });
    while (!block->outputs().empty()) block->eraseOutput(block->outputs().size() - 1);
  }
}

// `if ok: <layers> else: raise` keeps layers in a branch. The check stays, what it guards moves behind it.
void lift_guarded(Graph& graph) {
  for_each_node(graph.block(), [&](Node* node) {
    if (node->kind() != c10::prim::If || raises(node->blocks()[0]) == raises(node->blocks()[1])) return;
    const size_t raising = raises(node->blocks()[0]) ? 0 : 1;
    Block* guarded = node->blocks()[1 - raising];
    if (is_empty(guarded) && node->outputs().empty()) return;
    insert_check(graph, node, raising);
    while (!is_empty(guarded)) (*guarded->nodes().begin())->moveBefore(node);
    for (size_t i = 0; i < node->outputs().size(); ++i) node->output(i)->replaceAllUsesWith(guarded->outputs()[i]);
    node->destroy();
  });
}

// What a model warns of or prints when the user runs it need not be said again for every map.
bool is_warning(const Node* node) { return node->kind() == c10::aten::warn || node->kind() == c10::prim::Print; }

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
void inline_parameters(Graph& graph, const torch::jit::Module& module) {
  for_each_node(graph.block(), [&](Node* node) {
    if (node->kind() != c10::prim::GetAttr) return;
    const auto path = attribute_path(node->output(), graph.inputs()[0]);
    if (!path) return;
    const auto value = attribute_at(module, *path);
    if (!value.isTensor() || !value.toTensor().defined()) return;
    torch::jit::WithInsertPoint point(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(value.toTensor().detach()));
    node->destroy();
  });
}

}  // namespace

void fold(LayeredGraph& graph) {
  torch::jit::ConstantPropagation(graph);
  torch::jit::PeepholeOptimize(graph);
  torch::jit::LowerSimpleTuples(graph);
  torch::jit::ConstantPropagation(graph);
  torch::jit::EliminateDeadCode(graph);
}

bool is_check(const Node* node) {
  if (node->kind() != c10::prim::If || !node->outputs().empty()) return false;
  const auto blocks = node->blocks();
  return (raises(blocks[0]) && is_empty(blocks[1])) || (raises(blocks[1]) && is_empty(blocks[0]));
}

void simplify(LayeredGraph& graph, const torch::jit::Module& module) {
  bake_attributes(*graph, module);
  for (Node* node : nodes_where(graph->block(), is_warning)) node->destroy();
  avoid_fused_paths(graph);
  fold(graph);
  resolve_contexts(graph);
  fold(graph);
  lift_guarded(*graph);
  fold(graph);
  functionalise(graph);
  open_fused_operators(graph);
  fold(graph);
}

LayeredGraph freeze(const LayeredGraph& graph, const torch::jit::Module& module) {
  LayeredGraph frozen = graph->copy();
  drop_inner_checks(*frozen);
  inline_parameters(*frozen, module);
  torch::jit::EliminateDeadCode(frozen);
  return frozen;
}

}  // namespace attune
