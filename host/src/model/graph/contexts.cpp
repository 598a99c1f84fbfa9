#include <map>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/autocast.h>

#include <attune/sdk/error.h>

#include "model/graph/graph.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::Use;

const c10::Symbol set_gradients = c10::Symbol::fromQualString("aten::set_grad_enabled");
const c10::Symbol get_gradients = c10::Symbol::fromQualString("aten::is_grad_enabled");

bool is_of_class(const Value* object, const std::string& name) {
  const auto type = object->type()->cast<c10::ClassType>();
  if (!type || !type->name()) return false;
  const std::string full = type->name()->qualifiedName();
  return full.size() >= name.size() && full.compare(full.size() - name.size(), name.size(), name) == 0;
}

bool is_context(const Node* node) { return node->kind() == c10::prim::Enter || node->kind() == c10::prim::Exit; }
bool is_switch(const Node* node) { return node->kind() == set_gradients; }

// An object of one block that is asked for its attributes and nothing else: their values take its place.
class LocalObject {
 public:
  explicit LocalObject(Node* creation) : creation_(creation) {}

  void replace_by_values() {
    if (!is_local() || !follow(creation_->owningBlock(), creation_->next())) return;
    for (const auto& [read, value] : reads_) {
      read->output()->replaceAllUsesWith(value);
      read->destroy();
    }
    for (Node* write : writes_) write->destroy();
    creation_->destroy();
  }

 private:
  bool is_local() const {
    for (const Use& use : creation_->output()->uses()) {
      const bool reads = use.user->kind() == c10::prim::GetAttr;
      const bool writes = use.user->kind() == c10::prim::SetAttr && use.offset == 0 &&
                          use.user->owningBlock() == creation_->owningBlock();
      if (!reads && !writes) return false;
    }
    return true;
  }

  // In program order; false when an attribute is read that has no value yet.
  bool follow(Block* block, Node* first) {
    for (Node* node = first; node != block->return_node(); node = node->next()) {
      for (Block* inner : node->blocks()) {
        if (!follow(inner, *inner->nodes().begin())) return false;
      }
      const bool is_mine = !node->inputs().empty() && node->input(0) == creation_->output();
      if (is_mine && node->kind() == c10::prim::SetAttr) {
        values_[node->s(c10::attr::name)] = known(node->input(1));
        writes_.push_back(node);
      } else if (is_mine && node->kind() == c10::prim::GetAttr) {
        const auto value = values_.find(node->s(c10::attr::name));
        if (value == values_.end()) return false;
        reads_.emplace_back(node, value->second);
      }
    }
    return true;
  }

  // What a read of this object stands for, as the reads will go.
  Value* known(Value* value) const {
    for (const auto& [read, replacement] : reads_) {
      if (read->output() == value) return replacement;
    }
    return value;
  }

  Node* creation_;
  std::map<std::string, Value*> values_;
  std::vector<std::pair<Node*, Value*>> reads_;
  std::vector<Node*> writes_;
};

void dissolve_objects(Block* block) {
  std::vector<Node*> created;
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) dissolve_objects(inner);
    if (node->kind() == c10::prim::CreateObject) created.push_back(node);
  }
  for (Node* node : created) LocalObject(node).replace_by_values();
}

// The model is read as if its caller wanted gradients: programs for callers that want none drop all switches. Returns
// whether gradients are on behind the block.
bool settle_switches(Block* block, bool on) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    bool stays = on;
    for (Block* inner : node->blocks()) stays = settle_switches(inner, on) && stays;
    on = stays;
    if (is_switch(node)) {
      on = torch::jit::constant_as<bool>(node->input()).value_or(true);
    } else if (node->kind() == get_gradients) {
      torch::jit::WithInsertPoint point(node);
      node->output()->replaceAllUsesWith(block->owningGraph()->insertConstant(on));
      node->destroy();
    }
  }
  return on;
}

}  // namespace

bool is_autocast(const Value* object) { return is_of_class(object, "autocast_mode.autocast"); }
bool is_record_function(const Value* object) { return is_of_class(object, "profiler.record_function"); }

void resolve_contexts(LayeredGraph& graph) {
  if (!nodes_where(graph->block(), is_context).empty()) {
    try {
      torch::jit::Autocast(graph);
    } catch (const std::exception&) {
      throw Error(Fault::input,
                  "the model uses torch.autocast in a way that LibTorch cannot follow; give it device, dtype and "
                  "enabled as constants, and write `with torch.autocast(...)` without `as`");
    }
    for (Node* node : nodes_where(graph->block(), is_context)) {
      node->output()->replaceAllUsesWith(node->input());
      node->destroy();
    }
  }
  dissolve_objects(graph->block());
  settle_switches(graph->block(), true);
}

std::set<std::string> layers_without_gradient(const LayeredGraph& graph) {
  std::set<std::string> layers;
  bool on = true;
  for (const Node* node : graph->nodes()) {
    if (is_switch(node)) on = torch::jit::constant_as<bool>(node->input()).value_or(true);
    if (node->kind() == layer_symbol && !on) layers.insert(layer_name(node));
  }
  return layers;
}

bool switches_gradients(const LayeredGraph& graph) { return !nodes_where(graph->block(), is_switch).empty(); }

void drop_gradient_switches(const LayeredGraph& graph) {
  for (Node* node : nodes_where(graph->block(), is_switch)) node->destroy();
}

void begin_without_gradients(const LayeredGraph& graph) {
  torch::jit::WithInsertPoint point(*graph->nodes().begin());
  graph->insertNode(graph->create(set_gradients, {graph->insertConstant(false)}, 0));
}

}  // namespace attune
