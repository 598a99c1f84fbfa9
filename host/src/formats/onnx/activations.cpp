// Activation functions that were exported as the operators that they are made of.
#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

constexpr size_t most_nodes = 16;  // of one function

struct Activation {
  const char* name;
  at::Tensor (*of)(const at::Tensor& x);
  const char* approximate;  // of gelu
};

constexpr Activation known_activations[] = {
    {"gelu", [](const at::Tensor& x) { return at::gelu(x); }, "none"},
    {"gelu", [](const at::Tensor& x) { return at::gelu(x, "tanh"); }, "tanh"},
    {"silu", [](const at::Tensor& x) { return at::silu(x); }, nullptr},
    {"hardswish", [](const at::Tensor& x) { return at::hardswish(x); }, nullptr},
    {"mish", [](const at::Tensor& x) { return at::mish(x); }, nullptr}};

bool is_tensor_value(const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); }

// Element by element, with constants beside the tensors.
bool is_elementwise(const Node* node) {
  static const std::set<std::string> names{"add",     "clamp",    "div", "erf",   "exp",        "hardsigmoid",
                                           "mul",     "neg",      "pow", "relu6", "reciprocal", "rsub",
                                           "sigmoid", "softplus", "sub", "tanh",  "log"};
  if (!node->kind().is_aten() || names.count(node->kind().toUnqualString()) == 0) return false;
  return std::all_of(node->inputs().begin(), node->inputs().end(), [](const Value* input) {
    return is_tensor_value(input) || torch::jit::toIValue(input).has_value();
  });
}

// The values that `end` is made of, nearest first.
std::vector<Value*> candidates(Value* end) {
  std::vector<Value*> found{end};
  for (size_t i = 0; i < found.size() && found.size() < most_nodes; ++i) {
    Node* node = unmarked(found[i])->node();
    if (!is_elementwise(node)) continue;
    for (Value* input : node->inputs()) {
      if (is_tensor_value(input)) found.push_back(input);
    }
  }
  found.erase(found.begin());
  return found;
}

// f(x) of what stands between `x` and `value`; nothing where anything else goes in.
at::Tensor between(Value* value, Value* x, const at::Tensor& at, std::map<Value*, at::Tensor>& done, bool& is_curved) {
  value = unmarked(value);
  if (value == x) return at;
  const auto known = done.find(value);
  if (known != done.end()) return known->second;
  Node* node = value->node();
  if (!is_elementwise(node) || done.size() >= most_nodes) return {};
  torch::jit::Stack stack;
  done[value] = at::Tensor();
  for (Value* input : node->inputs()) {
    if (is_tensor_value(input)) {
      const at::Tensor part = between(input, x, at, done, is_curved);
      if (!part.defined()) return {};
      stack.emplace_back(part);
    } else {
      stack.push_back(*torch::jit::toIValue(input));
    }
  }
  static const std::set<std::string> curved{"erf",         "exp",   "tanh",  "sigmoid",
                                            "hardsigmoid", "clamp", "relu6", "softplus"};
  is_curved = is_curved || curved.count(node->kind().toUnqualString()) != 0;
  node->getOperation()(stack);
  return done[value] = stack.back().toTensor();
}

const Activation* activation_between(Value* end, Value* x) {
  static const at::Tensor places = at::linspace(-7, 7, 57, at::kDouble);
  std::map<Value*, at::Tensor> done;
  bool is_curved = false;
  const at::Tensor found = between(end, unmarked(x), places, done, is_curved);
  if (!found.defined() || !is_curved || !found.is_floating_point()) return nullptr;
  for (const Activation& activation : known_activations) {
    if (at::allclose(found, activation.of(places), 1e-5, 1e-5)) return &activation;
  }
  return nullptr;
}

}  // namespace

void find_activations(torch::jit::Graph& graph) {
  for (Node* node = graph.return_node()->prev(); node != graph.return_node(); node = node->prev()) {
    const bool is_end = node->kind() == c10::aten::mul || node->kind() == c10::aten::div;
    for (Value* x : is_end ? candidates(node->output()) : std::vector<Value*>()) {
      const Activation* found = activation_between(node->output(), x);
      if (found == nullptr) continue;
      const torch::jit::WithInsertPoint point(node);
      const auto symbol = c10::Symbol::fromQualString(std::string("aten::") + found->name);
      Value* one = found->approximate == nullptr ? graph.insert(symbol, {x})
                                                 : graph.insert(symbol, {x}, {{"approximate", found->approximate}});
      set_scope(one->node(), scope_of(node));
      node->output()->replaceAllUsesWith(one);
      break;
    }
  }
}

}  // namespace attune
