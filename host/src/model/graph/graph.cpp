#include "model/graph/graph.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

void number_calls(Block* block, std::map<std::string, int>& calls) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) number_calls(inner, calls);
    if (node->kind() != layer_symbol) continue;
    const std::string& name = layer_name(node);
    const int call = ++calls[name];
    if (call == 1) continue;
    torch::jit::WithInsertPoint point(node);
    node->replaceInput(1, node->owningGraph()->insertConstant(name + "@" + std::to_string(call)));
  }
}

void collect_layers(const Block* block, bool nested, std::vector<std::string>& names) {
  for (const Node* node : block->nodes()) {
    if (node->kind() == layer_symbol) names.push_back(layer_name(node));
    if (!nested) continue;
    for (const Block* inner : node->blocks()) collect_layers(inner, nested, names);
  }
}

}  // namespace

c10::IValue ModelSource::output(const at::Tensor& x) const {
  if (run) return run(parameters, {x});
  torch::jit::Stack stack{parameters._ivalue(), x};
  torch::jit::InterpreterState(torch::jit::Code(graph, "forward")).run(stack);
  return stack.back();
}

Value* mark_layer(Graph& graph, Value* value, const std::string& path) {
  Value* name = graph.insertConstant(path);
  Node* node = graph.insertNode(graph.create(layer_symbol, {value, name}));
  node->output()->setType(value->type());
  return node->output();
}

void number_repeated_calls(const LayeredGraph& graph) {
  std::map<std::string, int> calls;
  number_calls(graph->block(), calls);
}

void set_scope(Node* node, const std::string& path) {
  static const auto none = c10::make_intrusive<torch::jit::Scope>();
  node->setScope(path.empty() ? none : none->push(c10::Symbol::scope(path)));
  for (Block* inner : node->blocks()) {
    for (Node* child : inner->nodes()) set_scope(child, path);
  }
}

const std::string& layer_name(const Node* mark) { return mark->input(1)->node()->s(c10::attr::value); }

std::string scope_of(Node* node) { return node->scope()->name().toUnqualString(); }

Value* unmarked(Value* value) {
  while (value->node()->kind() == layer_symbol) value = value->node()->input(0);
  return value;
}

std::vector<std::string> top_level_layers(const LayeredGraph& graph) {
  std::vector<std::string> names;
  collect_layers(graph->block(), false, names);
  return names;
}

std::vector<std::string> all_layers(const LayeredGraph& graph) {
  std::vector<std::string> names;
  collect_layers(graph->block(), true, names);
  return names;
}

c10::optional<std::string> attribute_path(const Value* value, const Value* self) {
  std::string path;
  while (value != self) {
    if (value->node()->kind() != c10::prim::GetAttr) return c10::nullopt;
    const std::string& name = value->node()->s(c10::attr::name);
    path = path.empty() ? name : name + "." + path;
    value = value->node()->input(0);
  }
  return path;
}

torch::jit::IValue attribute_at(const torch::jit::Module& module, const std::string& path) {
  torch::jit::IValue value = module._ivalue();
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (!value.isObject() || !value.toObject()->type()->hasAttribute(name)) return {};
    value = value.toObject()->getAttr(name);
    begin = end + 1;
  }
  return value;
}

}  // namespace attune
