#include "model/graph/views.h"

#include "model/graph/operators.h"

namespace attune {
namespace {

bool is_view(const Node* node) {
  static const auto views = words(
      "slice select narrow view view_as unsqueeze squeeze transpose t permute movedim expand detach chunk split "
      "unbind");
  return is_one_of(node, views) || node->kind() == c10::prim::ListUnpack;
}

// The value under the names that marks and earlier writes in place give it.
Value* same_tensor(Value* value) {
  const auto hands_on = [](const Node* node) {
    return node->kind() == layer_symbol || (writes_first_input(node) && node->outputs().size() == 1);
  };
  while (hands_on(value->node())) value = value->node()->input(0);
  return value;
}

}  // namespace

bool writes_first_input(const Node* node) {
  const auto* schema = node->maybeSchema();
  if (schema == nullptr || schema->arguments().empty()) return false;
  const auto* alias = schema->arguments()[0].alias_info();
  return alias != nullptr && alias->isWrite() && node->input(0)->type()->isSubtypeOf(*c10::TensorType::get());
}

bool are_parts(const Value* a, const Value* b) {
  if (a == b || a->node() != b->node() || a->node()->kind() != c10::prim::ListUnpack) return false;
  return is_one_of(a->node()->input()->node(), {"chunk", "split", "unbind"});
}

bool is_view_of(Value* value, Value* base) {
  for (value = same_tensor(value); value != base; value = same_tensor(value->node()->input(0))) {
    if (!is_view(value->node()) || value->node()->owningBlock() != base->node()->owningBlock()) return false;
  }
  return true;
}

std::vector<Value*> bases_of(Value* written) {
  std::vector<Value*> bases{same_tensor(written)};
  while (is_view(bases.back()->node())) bases.push_back(same_tensor(bases.back()->node()->input(0)));
  return bases;
}

Value* Replay::of(Value* value, const std::function<void(Value*, Value*)>& made) {
  value = same_tensor(value);
  const auto known = values_.find(value);
  if (known != values_.end()) return known->second;
  Node* node = value->node();
  Graph& graph = *node->owningGraph();
  Value* viewed = of(node->input(0), made);
  Node* again = graph.insertNode(graph.createClone(node, [](Value* outer) { return outer; }));
  again->replaceInput(0, viewed);
  for (size_t i = 0; i < node->outputs().size(); ++i) {
    values_[node->output(i)] = again->output(i);
    made(node->output(i), again->output(i));
  }
  return values_.at(value);
}

}  // namespace attune
