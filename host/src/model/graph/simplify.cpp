// Step 2 of the rewriting: evaluation mode, no dead branches, input checks out of the way of layers.

#include <set>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>

#include <attune/sdk/error.h>

#include "model/graph/contexts.h"
#include "model/graph/decompose.h"
#include "model/graph/functionalise.h"
#include "model/graph/graph.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// Attributes that forward itself assigns (counters, caches) are not constants. Matched by name, which errs on the safe
// side.
void assigned_attributes(const Block* block, std::set<std::string>& names) {
  for (const Node* node : block->nodes()) {
    for (const Block* inner : node->blocks()) assigned_attributes(inner, names);
    if (node->kind() == c10::prim::SetAttr) names.insert(node->s(c10::attr::name));
  }
}

// Numbers, flags, strings and lists of them that modules carry become constants; `training` becomes false.
class AttributeBaker {
 public:
  AttributeBaker(Graph& graph, const torch::jit::Module& module) : graph_(graph), module_(module) {
    assigned_attributes(graph.block(), assigned_);
  }

  void bake(Block* block) {
    for (auto it = block->nodes().begin(); it != block->nodes().end();) {
      Node* node = *it++;
      for (Block* inner : node->blocks()) bake(inner);
      if (node->kind() == c10::prim::GetAttr) bake(node);
    }
  }

 private:
  void bake(Node* node) {
    const std::string& name = node->s(c10::attr::name);
    const auto path = attribute_path(node->output(), graph_.inputs()[0]);
    if (!path || assigned_.count(name) != 0) return;
    const auto value = name == "training" ? c10::IValue(false) : attribute_at(module_, *path);
    if (value.isTensor()) node->output()->setType(c10::TensorType::get());  // and not an optional one
    if (value.isTensor() || value.isObject()) return;
    torch::jit::WithInsertPoint point(node);
    if (const auto constant = torch::jit::tryInsertConstant(graph_, value)) {
      node->output()->replaceAllUsesWith(*constant);
      node->destroy();
    }
  }

  Graph& graph_;
  const torch::jit::Module& module_;
  std::set<std::string> assigned_;
};

bool raises(const Block* block) {
  for (const Node* node : block->nodes()) {
    if (node->kind() == c10::prim::RaiseException) return true;
  }
  return false;
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
void lift_guarded(Graph& graph, Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) lift_guarded(graph, inner);
    if (node->kind() != c10::prim::If || raises(node->blocks()[0]) == raises(node->blocks()[1])) continue;
    const size_t raising = raises(node->blocks()[0]) ? 0 : 1;
    Block* guarded = node->blocks()[1 - raising];
    if (is_empty(guarded) && node->outputs().empty()) continue;
    insert_check(graph, node, raising);
    while (!is_empty(guarded)) (*guarded->nodes().begin())->moveBefore(node);
    for (size_t i = 0; i < node->outputs().size(); ++i) node->output(i)->replaceAllUsesWith(guarded->outputs()[i]);
    node->destroy();
  }
}

// What a model warns of or prints when the user runs it need not be said again for every map.
void drop_warnings(Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) drop_warnings(inner);
    if (node->kind() == c10::aten::warn || node->kind() == c10::prim::Print) node->destroy();
  }
}

void fold(LayeredGraph& graph) {
  torch::jit::ConstantPropagation(graph);
  torch::jit::PeepholeOptimize(graph);
  torch::jit::LowerSimpleTuples(graph);
  torch::jit::ConstantPropagation(graph);
  torch::jit::EliminateDeadCode(graph);
}

// forward(x, mask=None): what has a default takes it, so that every graph has the inputs (self, x).
void default_arguments(Graph& graph, const torch::jit::Module& module) {
  const auto& arguments = module.get_method("forward").function().getSchema().arguments();
  if (arguments.size() < 2) throw Error(Fault::input, "the model's forward takes no input");
  torch::jit::WithInsertPoint point(*graph.nodes().begin());
  for (size_t i = arguments.size() - 1; i >= 2; --i) {
    if (!arguments[i].default_value()) {
      throw Error(Fault::input, "the model's forward takes " + std::to_string(arguments.size() - 1) + " inputs and '" +
                                    arguments[i].name() +
                                    "' has no default; export a wrapper whose forward takes the picture alone");
    }
    graph.inputs()[i]->replaceAllUsesWith(graph.insertConstant(*arguments[i].default_value()));
    graph.eraseInput(i);
  }
}

}  // namespace

bool is_check(const Node* node) {
  if (node->kind() != c10::prim::If || !node->outputs().empty()) return false;
  const auto blocks = node->blocks();
  return (raises(blocks[0]) && is_empty(blocks[1])) || (raises(blocks[1]) && is_empty(blocks[0]));
}

void simplify(LayeredGraph& graph, const torch::jit::Module& module) {
  default_arguments(*graph, module);
  AttributeBaker(*graph, module).bake(graph->block());
  drop_warnings(graph->block());
  avoid_fused_paths(graph);
  fold(graph);
  resolve_contexts(graph);
  fold(graph);
  lift_guarded(*graph, graph->block());
  fold(graph);
  functionalise(graph);
  open_fused_operators(graph);
  fold(graph);
}

}  // namespace attune
