#include "model/layers/axis_tracker.h"

#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>

#include "model/layers/axis_rules.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

bool gives_tensors(const Node* node) {
  const auto is_tensors = [](const Value* value) {
    return value->type()->isSubtypeOf(*c10::TensorType::get()) ||
           value->type()->isSubtypeOf(*c10::ListType::ofTensors());
  };
  if (node->kind().is_prim() || node->kind() == layer_symbol) return false;
  const auto outputs = node->outputs();
  return std::any_of(outputs.begin(), outputs.end(), is_tensors);
}

}  // namespace

AxisTracker::AxisTracker(const at::Tensor& input) {
  Axes axes = axes_of_input(input.sizes());
  for (const Axis& axis : axes) positions_ += has(axis, Factor::Source::position) ? 1 : 0;
  set(input, std::move(axes));
}

void AxisTracker::observe(const std::string& op, const std::vector<c10::IValue>& inputs,
                          const std::vector<c10::IValue>& outputs) {
  try {
    AxisRule{*this, inputs, outputs}.apply(op);
  } catch (const std::exception&) {  // an operator that takes other inputs than its rule knows: nothing is told of it
  }
}

const Axes* AxisTracker::find(const at::Tensor& tensor) const {
  const auto found = axes_.find(tensor.unsafeGetTensorImpl());
  return found == axes_.end() ? nullptr : &found->second.second;
}

void AxisTracker::set(const at::Tensor& tensor, Axes axes) {
  const auto* key = tensor.unsafeGetTensorImpl();
  axes_.erase(key);
  axes_.emplace(key, std::make_pair(Weak(tensor.getIntrusivePtr()), std::move(axes)));
}

Axis AxisTracker::new_channels(int64_t size) { return axis_of(Factor::Source::channel, size, ++channels_); }

void watch_operators(Block& block) {
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) watch_operators(*inner);
    if (!gives_tensors(node)) continue;
    torch::jit::Graph& graph = *node->owningGraph();
    torch::jit::WithInsertPoint point(node->next());
    std::vector<Value*> values{graph.insertConstant(std::string(node->kind().toUnqualString())),
                               graph.insertConstant(static_cast<int64_t>(node->outputs().size()))};
    values.insert(values.end(), node->outputs().begin(), node->outputs().end());
    values.insert(values.end(), node->inputs().begin(), node->inputs().end());
    graph.insertNode(graph.create(watch_symbol, values, 0));
  }
}

}  // namespace attune
