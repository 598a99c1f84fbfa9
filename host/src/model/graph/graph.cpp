#include "model/graph/graph.h"

#include <iterator>
#include <sstream>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "model/graph/operators.h"

namespace attune {
c10::IValue ModelSource::output(const at::Tensor& x) const {
  if (run) return run(parameters, {x});
  torch::jit::Stack stack{parameters._ivalue(), x};
  torch::jit::InterpreterState(torch::jit::Code(graph, "forward")).run(stack);
  return stack.back();
}

std::set<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

bool is_one_of(const Node* node, const std::set<std::string>& names) {
  const auto kind = node->kind();
  return (kind.is_aten() || kind.ns() == layer_symbol.ns()) && names.count(kind.toUnqualString()) != 0;
}

Node* replace_by(Node* old, Node* made) {
  made->insertBefore(old);
  made->output()->copyMetadata(old->output());
  old->output()->replaceAllUsesWith(made->output());
  old->destroy();
  return made;
}

Value* insert(Graph& graph, c10::Symbol kind, at::ArrayRef<Value*> inputs, const c10::TypePtr& type) {
  Node* node = graph.insertNode(graph.create(kind, inputs));
  node->output()->setType(type);
  return node->output();
}

Value* mark_layer(Graph& graph, Value* value, const std::string& path) {
  return insert(graph, layer_symbol, {value, graph.insertConstant(path)}, value->type());
}

void number_repeated_calls(const LayeredGraph& graph) {
  std::map<std::string, int> calls;
  for_each_node(graph->block(), [&](Node* node) {
    if (node->kind() != layer_symbol) return;
    const std::string name = layer_name(node);
    const int call = ++calls[name];
    if (call == 1) return;
    torch::jit::WithInsertPoint point(node);
    node->replaceInput(1, node->owningGraph()->insertConstant(name + "@" + std::to_string(call)));
  });
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
  for (const Node* node : graph->nodes()) {
    if (node->kind() == layer_symbol) names.push_back(layer_name(node));
  }
  return names;
}

std::vector<std::string> all_layers(const LayeredGraph& graph) {
  std::vector<std::string> names;
  for_each_node(graph->block(), [&](const Node* node) {
    if (node->kind() == layer_symbol) names.push_back(layer_name(node));
  });
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
