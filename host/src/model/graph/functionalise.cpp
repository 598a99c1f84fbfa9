#include <algorithm>
#include <functional>
#include <map>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "model/graph/graph.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::AliasDb;
using torch::jit::Use;

bool happens_after(const Use& use, const Node* node) {
  return use.user != node && (use.user->kind() == c10::prim::Return || use.user->isAfter(node));
}

bool stands_in(const Node* node, const Block* block) {
  for (const Block* outer = node->owningBlock(); outer != nullptr;) {
    if (outer == block) return true;
    const Node* owner = outer->owningNode();
    outer = owner == nullptr ? nullptr : owner->owningBlock();
  }
  return false;
}

// In a loop, what is read before a write is read behind it too, the next time round.
bool is_read_next_time(const Value* value, const Node* node) {
  const Node* loop = node->owningBlock()->owningNode();
  for (; loop != nullptr; loop = loop->owningBlock()->owningNode()) {
    const Block* body = loop->kind() == c10::prim::Loop ? loop->blocks()[0] : nullptr;
    if (body == nullptr || stands_in(value->node(), body)) continue;
    const auto& uses = value->uses();
    if (std::any_of(uses.begin(), uses.end(), [&](const Use& use) { return stands_in(use.user, body); })) return true;
  }
  return false;
}

bool is_used_after(const Value* value, const Node* node) {
  const auto& uses = value->uses();
  return std::any_of(uses.begin(), uses.end(), [&](const Use& use) { return happens_after(use, node); }) ||
         is_read_next_time(value, node);
}

// Numbers, strings and modules cannot share memory with a tensor or list that is written.
bool may_be_written(const Value* value) {
  using Kind = c10::TypeKind;
  static const std::set<Kind> plain = {Kind::IntType,    Kind::FloatType, Kind::BoolType,
                                       Kind::StringType, Kind::NoneType,  Kind::DeviceObjType};
  return plain.count(value->type()->kind()) == 0 && !value->type()->is_module();
}

void collect_values(Block* block, std::vector<Value*>& values) {
  for (Value* input : block->inputs()) values.push_back(input);
  for (Node* node : block->nodes()) {
    for (Value* output : node->outputs()) {
      if (may_be_written(output)) values.push_back(output);
    }
    for (Block* inner : node->blocks()) collect_values(inner, values);
  }
}

// "aten::relu_" -> "aten::relu" when there is such an operator; nothing for operators that do not write their input.
c10::optional<c10::Symbol> functional_variant(const Node* node) {
  const std::string name = node->kind().toQualString();
  const auto* schema = node->maybeSchema();
  if (schema == nullptr || name.size() < 2 || name.back() != '_' || name[name.size() - 2] == '_') return c10::nullopt;
  if (schema->arguments().empty() || node->outputs().size() != 1) return c10::nullopt;
  const auto* alias = schema->arguments()[0].alias_info();
  if (alias == nullptr || !alias->isWrite()) return c10::nullopt;
  if (node->kind() == c10::aten::copy_) return c10::nullopt;  // aten::copy has no derivative
  const auto symbol = c10::Symbol::fromQualString(name.substr(0, name.size() - 1));
  if (torch::jit::getAllOperatorsFor(symbol).empty()) return c10::nullopt;
  return symbol;
}

bool is_view(const Node* node) {
  static const auto views = words(
      "slice select narrow view view_as unsqueeze squeeze transpose t permute movedim expand detach chunk split "
      "unbind");
  return is_one_of(node, views) || node->kind() == c10::prim::ListUnpack;
}

// Whether the node overwrites the tensor that is its first input.
bool writes_first_input(const Node* node) {
  const auto* schema = node->maybeSchema();
  if (schema == nullptr || schema->arguments().empty()) return false;
  const auto* alias = schema->arguments()[0].alias_info();
  return alias != nullptr && alias->isWrite() && node->input(0)->type()->isSubtypeOf(*c10::TensorType::get());
}

// The value under the names that marks and earlier writes in place give it.
Value* same_tensor(Value* value) {
  const auto hands_on = [](const Node* node) {
    return node->kind() == layer_symbol || (writes_first_input(node) && node->outputs().size() == 1);
  };
  while (hands_on(value->node())) value = value->node()->input(0);
  return value;
}

// Parts of one tensor that `chunk` and the like have made, which do not overlap.
bool are_parts(const Value* a, const Value* b) {
  if (a == b || a->node() != b->node() || a->node()->kind() != c10::prim::ListUnpack) return false;
  return is_one_of(a->node()->input()->node(), {"chunk", "split", "unbind"});
}

// Whether `value` is `base`, or a view of it made in the same block: one whatever the strides are, as `reshape` may
// make a new tensor.
bool is_view_of(Value* value, Value* base) {
  for (value = same_tensor(value); value != base; value = same_tensor(value->node()->input(0))) {
    if (!is_view(value->node()) || value->node()->owningBlock() != base->node()->owningBlock()) return false;
  }
  return true;
}

// The values that a written one is a view of, itself first.
std::vector<Value*> bases_of(Value* written) {
  std::vector<Value*> bases{same_tensor(written)};
  while (is_view(bases.back()->node())) bases.push_back(same_tensor(bases.back()->node()->input(0)));
  return bases;
}

// Views of a tensor made again of its copy, at the graph's insert point.
class Replay {
 public:
  Replay(Value* base, Value* copy) : values_{{base, copy}} {}

  // The counterpart of a view; `made` is called with every value and its counterpart.
  Value* of(Value* value, const std::function<void(Value*, Value*)>& made) {
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

 private:
  std::map<Value*, Value*> values_;
};

class Functionaliser {
 public:
  explicit Functionaliser(const LayeredGraph& graph) : graph_(*graph), aliases_(graph) {
    collect_values(graph->block(), values_);
  }

  void run() {
    for_each_node(graph_.block(), [&](Node* node) {
      if (Node* replacement = functional(node)) {
        replace(node, replacement);
      } else if (writes_first_input(node)) {
        write_to_copy(node);
      }
    });
  }

 private:
  // The functional counterpart, placed before `node`, or null when there is none or the write can be seen elsewhere.
  Node* functional(Node* node) {
    const auto symbol = functional_variant(node);
    const bool appends = node->kind() == c10::aten::append;
    if ((!symbol && !appends) || !is_private(node)) return nullptr;
    torch::jit::WithInsertPoint point(node);
    if (appends) {
      Node* item = graph_.insertNode(graph_.createList(node->input(1)->type(), {node->input(1)}));
      return insert(graph_, c10::aten::add, {node->input(0), item->output()}, node->input(0)->type())->node();
    }
    Node* pure = insert(graph_, *symbol, node->inputs(), node->output()->type())->node();
    if (pure->maybeOperator() != nullptr) return pure;
    pure->destroy();
    return nullptr;
  }

  // The written value under all the names that marks give it.
  std::vector<Value*> names_of(Value* value) const {
    std::vector<Value*> names{unmarked(value)};
    for (size_t i = 0; i < names.size(); ++i) {
      for (const Use& use : names[i]->uses()) {
        if (use.user->kind() == layer_symbol) names.push_back(use.user->output());
      }
    }
    return names;
  }

  // No other value that exists before the write and is used after it may share memory with what is written.
  bool is_private(Node* node) const {
    const auto names = names_of(node->input(0));
    if (names[0]->node()->owningBlock() != node->owningBlock()) return false;
    for (Value* value : values_) {
      if (value->node() == node || value->node()->isAfter(node)) continue;
      if (std::find(names.begin(), names.end(), value) != names.end()) continue;
      if (!is_used_after(value, node) || are_parts(origin(value), origin(names[0]))) continue;
      if (may_see(value, names[0])) return false;
    }
    return true;
  }

  const Value* origin(const Value* value) const {
    const auto found = origins_.find(value);
    return found == origins_.end() ? value : found->second;
  }

  // A list that is appended to shows in the list itself, not in the tensors that it shares with others.
  bool may_see(Value* value, Value* written) const {
    const auto is_tensor_list = [](Value* v) { return v->type()->isSubtypeOf(*c10::ListType::ofTensors()); };
    if (is_tensor_list(written) && (is_tensor_list(value) || value->type()->isSubtypeOf(*c10::TensorType::get()))) {
      return aliases_.mayAlias(value, written);
    }
    return aliases_.mayContainAlias(value, written);
  }

  void replace(Node* node, Node* replacement) {
    Value* output = replacement->output();
    Value* written = names_of(node->input(0))[0];
    aliases_.copyValue(written, output);
    origins_[output] = origin(written);
    values_.push_back(output);
    for (Value* name : names_of(node->input(0))) {
      const auto uses = name->uses();
      for (const Use& use : uses) {
        if (happens_after(use, node) && use.user != replacement) use.user->replaceInput(use.offset, output);
      }
    }
    if (!node->outputs().empty()) {
      values_.erase(std::remove(values_.begin(), values_.end(), node->output()), values_.end());
      node->output()->replaceAllUsesWith(output);
    }
    node->destroy();
  }

  // `y[:, 0] = z` becomes a write into a copy of y, which everybody behind it sees instead of y: what autograd saved
  // of y stays. Where somebody may see the write through something that is no plain view, it stays as it is.
  void write_to_copy(Node* node) {
    for (Value* base : bases_of(node->input(0))) {
      const bool is_attribute = base->node()->kind() == c10::prim::GetAttr;  // may be read again behind the write
      if (is_attribute || base->node()->owningBlock() != node->owningBlock()) return;
      if (!base->type()->isSubtypeOf(*c10::TensorType::get())) return;  // parts of `chunk` must not be written
      if (const auto seen = views_seen_after(node, base)) return write_to_copy(node, base, *seen);
    }
  }

  void write_to_copy(Node* node, Value* base, const std::vector<Value*>& seen) {
    torch::jit::WithInsertPoint point(node);
    Value* copy = insert(graph_, c10::aten::clone, {base, graph_.insertConstant(c10::IValue())}, base->type());
    const auto made = [&](Value* original, Value* again) {
      aliases_.copyValue(original, again);
      values_.push_back(again);
    };
    made(base, copy);
    node->replaceInput(0, Replay(base, copy).of(node->input(0), made));
    torch::jit::WithInsertPoint behind(node->next());
    Replay replay(base, copy);
    for (Value* value : seen) {
      const auto uses = value->uses();
      for (const Use& use : uses) {
        if (happens_after(use, node)) use.user->replaceInput(use.offset, replay.of(value, made));
      }
    }
  }

  // What is read after `node` and may share memory with `base`; nothing when one of them is no view of it.
  c10::optional<std::vector<Value*>> views_seen_after(Node* node, Value* base) const {
    std::vector<Value*> seen;
    for (Value* value : values_) {
      if (value->node() == node || value->node()->isAfter(node) || !is_used_after(value, node)) continue;
      if (!may_see(value, base)) continue;
      if (!is_view_of(value, base)) return c10::nullopt;
      seen.push_back(value);
    }
    return seen;
  }

  Graph& graph_;
  AliasDb aliases_;
  std::vector<Value*> values_;
  std::map<const Value*, const Value*> origins_;  // of results that have taken a written value's place
};

}  // namespace

void functionalise(LayeredGraph& graph) { Functionaliser(graph).run(); }

}  // namespace attune
