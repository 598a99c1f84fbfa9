// One flat graph of a TorchScript module in which every submodule call's output has a name.

#include <algorithm>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inline_fork_wait.h>

#include <attune/sdk/error.h>

#include "formats/torchscript/torchscript.h"

namespace attune {
namespace {

// A scripted call is `forward`, or `forward__0`, `forward__1`... of a module with overloads (LSTM and GRU have them);
// tracing writes `forward`, `forward1`... for the calls of one module.
bool is_forward(const std::string& method) {
  const std::string stem = "forward", overload = stem + "__";
  const size_t number = (method.compare(0, overload.size(), overload) == 0 ? overload : stem).size();
  return method.compare(0, stem.size(), stem) == 0 &&
         method.find_first_not_of("0123456789", number) == std::string::npos;
}

// Of a tuple (attention returns output and weights) the first tensor is the layer's output.
Value* mark_output(Graph& graph, Value* value, const std::string& path) {
  if (value->type()->isSubtypeOf(*c10::TensorType::get())) return mark_layer(graph, value, path);
  const auto tuple = value->type()->cast<c10::TupleType>();
  if (!tuple || tuple->elements().empty() || !tuple->elements()[0]->isSubtypeOf(*c10::TensorType::get())) return value;
  Node* unpack = graph.insertNode(graph.createTupleUnpack(value));
  std::vector<Value*> elements(unpack->outputs().begin(), unpack->outputs().end());
  elements[0] = mark_layer(graph, elements[0], path);
  Value* packed = graph.insertNode(graph.createTuple(elements, tuple->schema() ? tuple : nullptr))->output();
  return packed;
}

// A copy of `callee` before `call`.
std::vector<Value*> insert(Graph& graph, Node* call, Graph& callee, at::ArrayRef<Value*> inputs,
                           const std::string& path) {
  Node* before = call->prev();
  std::vector<Value*> outputs = torch::jit::insertGraph(graph, callee, inputs);
  for (Node* node = before->next(); node != call; node = node->next()) set_scope(node, path);
  return outputs;
}

std::shared_ptr<Graph> callee_of(const Node* call, const std::string& name) {
  const auto type = call->input(0)->type()->cast<c10::ClassType>();
  if (!type) throw Error(Fault::input, "the model calls '" + name + "' through an interface, which cannot be inlined");
  return torch::jit::toGraphFunction(type->getMethod(name)).graph();
}

void replace_call(Node* call, const std::vector<Value*>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) call->output(i)->replaceAllUsesWith(outputs[i]);
  call->destroy();
}

void inline_method(Node* call, Graph& graph) {
  const std::string name = call->s(c10::attr::name);
  torch::jit::WithInsertPoint point(call);
  const auto path = attribute_path(call->input(0), graph.inputs()[0]);
  auto outputs = insert(graph, call, *callee_of(call, name), call->inputs(), path ? *path : scope_of(call));
  if (is_forward(name) && path && outputs.size() == 1) outputs[0] = mark_output(graph, outputs[0], *path);
  replace_call(call, outputs);
}

void inline_function(Node* call, Graph& graph) {
  const auto type = call->input(0)->type()->expect<c10::FunctionType>();
  const auto function = torch::jit::tryToGraphFunction(*type->function());
  if (function == nullptr) return;  // a builtin, which the interpreter calls itself
  torch::jit::WithInsertPoint point(call);
  replace_call(call, insert(graph, call, *function->graph(), call->inputs().slice(1), scope_of(call)));
}

// `with` calls __enter__ and __exit__ of its object. Those of autocast do nothing: it is a pass over the graph that
// looks for these nodes (see contexts.h). Those of record_function do nothing that shows in values.
void inline_context(Node* node, Graph& graph) {
  Value* context = node->input();
  if (is_autocast(context)) return;
  torch::jit::WithInsertPoint point(node);
  Value* result = context;
  if (!is_record_function(context)) {
    const bool enters = node->kind() == c10::prim::Enter;
    Value* none = graph.insertConstant(c10::IValue());
    std::vector<Value*> inputs{context};
    if (!enters) inputs.insert(inputs.end(), 3, none);
    Node* call = graph.insertNode(graph.create(c10::prim::CallMethod, inputs));
    call->s_(c10::attr::name, enters ? "__enter__" : "__exit__");
    result = call->output()->setType(node->output()->type());
  }
  node->output()->replaceAllUsesWith(result);
  node->destroy();
}

void inline_block(Block* block, Graph& graph) {
  for (Node* node = *block->nodes().begin(); node != block->return_node();) {
    for (Block* inner : node->blocks()) inline_block(inner, graph);
    Node* before = node->prev();
    if (node->kind() == c10::prim::Enter || node->kind() == c10::prim::Exit) {
      inline_context(node, graph);
      if (before->next() == node) before = node;
    } else if (node->kind() == c10::prim::CallMethod) {
      inline_method(node, graph);
    } else if (node->kind() == c10::prim::CallFunction) {
      inline_function(node, graph);
      if (before->next() == node) before = node;
    } else {
      before = node;
    }
    node = before->next();  // what was inserted is looked at in turn
  }
}

bool holds_tensors(const c10::TypePtr& type) {
  if (type->isSubtypeOf(*c10::OptionalType::ofTensor())) return true;
  if (type->kind() == c10::TypeKind::DictType) return holds_tensors(type->expect<c10::DictType>()->getValueType());
  const bool is_sequence = type->kind() == c10::TypeKind::ListType || type->kind() == c10::TypeKind::TupleType;
  const auto inner = type->containedTypes();
  return is_sequence && std::all_of(inner.begin(), inner.end(), holds_tensors);
}

// forward(x, mask=None, scale=1.0): the inputs are the tensors; anything else takes its default.
void leave_tensors(Graph& graph, const std::vector<c10::Argument>& arguments,
                   std::map<std::string, c10::IValue>& defaults) {
  torch::jit::WithInsertPoint point(*graph.nodes().begin());
  for (size_t i = arguments.size() - 1; i >= 1; --i) {
    const c10::Argument& argument = arguments[i];
    if (holds_tensors(argument.type())) {
      graph.inputs()[i]->setDebugName(argument.name());
      if (argument.default_value()) defaults[argument.name()] = *argument.default_value();
      continue;
    }
    if (!argument.default_value()) {
      throw Error(Fault::input,
                  "the model's forward takes '" + argument.name() + "' as " + argument.type()->annotation_str() +
                      ", expected a Tensor [N,C,S1..Sd]; export a wrapper whose forward takes tensors alone");
    }
    graph.inputs()[i]->replaceAllUsesWith(graph.insertConstant(*argument.default_value()));
    graph.eraseInput(i);
  }
}

}  // namespace

LayeredGraph inline_calls(const torch::jit::Module& module, std::map<std::string, c10::IValue>& defaults) {
  const auto method = module.find_method("forward");
  if (!method) throw Error(Fault::input, "the TorchScript file has no forward method");
  const auto& arguments = method->function().getSchema().arguments();
  if (arguments.size() < 2) throw Error(Fault::input, "the model's forward takes no input");
  LayeredGraph graph = torch::jit::toGraphFunction(method->function()).graph()->copy();
  for (Node* node : graph->nodes()) set_scope(node, "");
  inline_block(graph->block(), *graph);
  torch::jit::InlineForkWait(graph);
  number_repeated_calls(graph);
  leave_tensors(*graph, arguments, defaults);
  return graph;
}

}  // namespace attune
