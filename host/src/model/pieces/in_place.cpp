#include "model/pieces/pieces.h"

#include <set>
#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

bool makes_a_new_tensor(const Node* node) {
  static const std::set<std::string> fresh = {
      "aten::conv1d", "aten::conv2d", "aten::conv3d",     "aten::_convolution",      "aten::batch_norm",
      "aten::add",    "aten::linear", "attune::convolve", "attune::convolve_packed", "attune::normalise"};
  return fresh.count(node->kind().toQualString()) != 0 || node->kind() == accumulate_symbol;
}

// `readers` nodes of `block` read the value, all of them about to be replaced.
bool may_be_overwritten(const Value* value, size_t readers, const Block* block) {
  return value->uses().size() == readers && makes_a_new_tensor(value->node()) && value->node()->owningBlock() == block;
}

void replace(Node* old, Node* made) {
  made->insertBefore(old);
  made->output()->copyMetadata(old->output());
  old->output()->replaceAllUsesWith(made->output());
  old->destroy();
}

// A sum that is made for the rectifier alone: both in one.
bool takes_sum(Node* relu) {
  const Node* sum = relu->input()->node();
  return sum->kind() == accumulate_symbol && torch::jit::constant_as<c10::Scalar>(sum->input(2)).has_value() &&
         torch::jit::constant_as<c10::Scalar>(sum->input(2))->equal(1);
}

void overwrite_in_relu(Node* relu) {
  if (!may_be_overwritten(relu->input(), 1, relu->owningBlock())) return;
  if (takes_sum(relu)) {
    Node* sum = relu->input()->node();
    replace(relu, relu->owningGraph()->create(accumulate_rectified_symbol, {sum->input(0), sum->input(1)}));
    sum->destroy();
    return;
  }
  replace(relu, relu->owningGraph()->create(c10::Symbol::fromQualString("aten::relu_"), {relu->input()}));
}

void fuse_with_relu(Node* gate) {
  Node* relu = gate->input(1)->node();
  if (relu->kind() != c10::aten::relu || relu->output()->uses().size() != 1) return;
  Graph& graph = *gate->owningGraph();
  Value* x = relu->input();
  torch::jit::WithInsertPoint point(relu);
  Value* in_place = graph.insertConstant(may_be_overwritten(x, 2, gate->owningBlock()));
  replace(gate, graph.create(rectify_symbol, {x, gate->input(2), in_place}));
  relu->destroy();
}

// The residual connection's `out += identity`.
void overwrite_in_add(Node* add) {
  const auto is_tensor = [](const Value* v) { return v->type()->isSubtypeOf(*c10::TensorType::get()); };
  if (add->inputs().size() != 3 || !is_tensor(add->input(0)) || !is_tensor(add->input(1))) return;
  if (!may_be_overwritten(add->input(0), 1, add->owningBlock())) return;
  replace(add, add->owningGraph()->create(accumulate_symbol, add->inputs()));
}

void overwrite_in(Block* block) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) overwrite_in(inner);
    if (node->kind() == gate_symbol) {
      fuse_with_relu(node);
    } else if (node->kind() == c10::aten::relu && (*it)->kind() != gate_symbol) {
      overwrite_in_relu(node);
    } else if (node->kind() == c10::aten::add) {
      overwrite_in_add(node);
    }
  }
}

}  // namespace

void work_in_place(const LayeredGraph& graph) { overwrite_in(graph->block()); }

}  // namespace attune
