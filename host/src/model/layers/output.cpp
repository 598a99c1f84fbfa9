#include <ATen/TensorOperators.h>
#include <ATen/ops/log.h>
#include <ATen/ops/logit.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <limits>
#include <map>
#include <set>
#include <torch/csrc/jit/ir/constants.h>
#include <vector>

#include <attune/sdk/error.h>

#include "model/graph/operators.h"
#include "model/layers/layers.h"
#include "model/layers/layout.h"

namespace attune {
namespace {

// "a dict", for messages.
std::string kind_of(const c10::IValue& value) {
  if (value.isTensor()) return "a tensor";
  if (value.isGenericDict()) return "a dict";
  if (value.isTuple()) return "a tuple";
  if (value.isList()) return "a list";
  return value.isNone() ? "None" : "a value of type " + value.tagKind();
}

// "a tuple of 0 [2, 4], 1 [2, 3, 8, 8]"; what is no tensor by its kind.
std::string described(const c10::IValue& value, const NamedTensorList& tensors) {
  std::string list;
  for (const auto& [name, tensor] : tensors) {
    list += (list.empty() ? " with the tensors " : ", ") + name + " " + shape_text(tensor.sizes().vec());
  }
  return kind_of(value) + (list.empty() ? " without a tensor" : list);
}

// "out", "logits" or the only one of a dict; the first of a tuple or list.
at::Tensor automatic(const c10::IValue& value, const NamedTensorList& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!value.isGenericDict() || tensors.size() == 1 || name == "out" || name == "logits") return tensor;
  }
  return {};
}

using torch::jit::Node;
using torch::jit::Value;

bool is_tensor(const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); }

// The value that `selector` names, as select_output() does it; null when the graph does not tell.
const Value* selected(const Value* result, const std::string& selector) {
  const Node* node = result->node();
  if (is_tensor(result)) return result;
  if (node->kind() == c10::prim::TupleConstruct || node->kind() == c10::prim::ListConstruct) {
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      if (selector == "auto" ? is_tensor(node->input(i)) : selector == std::to_string(i)) return node->input(i);
    }
  }
  if (node->kind() != c10::prim::DictConstruct) return nullptr;
  std::map<std::string, const Value*> entries;
  for (size_t i = 0; i + 1 < node->inputs().size(); i += 2) {
    const auto key = torch::jit::toIValue(node->input(i));
    if (key && key->isString() && is_tensor(node->input(i + 1))) entries[key->toStringRef()] = node->input(i + 1);
  }
  const std::vector<std::string> usual = {"out", "logits"};
  for (const std::string& name : selector == "auto" ? usual : std::vector{selector}) {
    if (entries.count(name) != 0) return entries[name];
  }
  return selector == "auto" && entries.size() == 1 ? entries.begin()->second : nullptr;
}

// Operators that hand on the numbers of their first input, or some of them.
bool hands_on(const std::string& op) {
  static const std::set<std::string> names = {"layer",  "view",    "reshape",    "flatten", "squeeze", "unsqueeze",
                                              "select", "slice",   "contiguous", "clone",   "to",      "detach",
                                              "alias",  "permute", "transpose",  "dropout", "float",   "type_as"};
  return names.count(op) != 0;
}

}  // namespace

NamedTensorList tensors_in(const c10::IValue& value) {
  NamedTensorList tensors;
  const auto add = [&](const std::string& name, const c10::IValue& entry) {
    if (entry.isTensor() && entry.toTensor().defined()) tensors.emplace_back(name, entry.toTensor());
  };
  if (value.isTensor()) add("", value);
  if (value.isTuple() || value.isTensorList() || value.isList()) {
    const auto elements = value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
    for (size_t i = 0; i < elements.size(); ++i) add(std::to_string(i), elements[i]);
  }
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (entry.key().isString()) add(entry.key().toStringRef(), entry.value());
    }
  }
  return tensors;
}

at::Tensor select_output(const c10::IValue& value, const std::string& selector) {
  const NamedTensorList tensors = tensors_in(value);
  if (value.isTensor() && selector == "auto") return value.toTensor();
  if (value.isTensor()) {
    throw Error(Fault::input, "the model returns one tensor, " + shape_text(value.toTensor().sizes().vec()) +
                                  ", and no output '" + selector + "'; leave the output out");
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (name == selector) return tensor;
    names.push_back(name);
  }
  if (selector == "auto" && !tensors.empty()) {
    if (const at::Tensor found = automatic(value, tensors); found.defined()) return found;
  }
  throw Error(Fault::input,
              "the model returns " + described(value, tensors) +
                  (tensors.empty()      ? "; export a wrapper that returns one"
                   : selector == "auto" ? "; name one as its output"
                                        : ", but no output '" + selector + "'" + did_you_mean(selector, names)));
}

at::Tensor output_of(const c10::IValue& value, const std::string& selector, int64_t rows) {
  const at::Tensor output = select_output(value, selector);
  const std::string found =
      "the model's output has shape " + shape_text(output.sizes().vec()) + " for a batch of " + std::to_string(rows);
  if (!output.is_floating_point()) {
    throw Error(Fault::input, found + " and the type " + std::string(c10::toString(output.scalar_type())) +
                                  ", which has no gradient; expected floating-point numbers [N,..]");
  }
  if (output.dim() == 0 || output.size(0) != rows || output.numel() == 0) {
    throw Error(Fault::input, found + "; expected a row for each input, as class scores [N,K] are");
  }
  if (output.dim() == 1) return output.unsqueeze(1);
  return output.dim() > 2 && output.numel() == rows * output.size(1) ? output.flatten(1) : output;
}

at::Tensor scores_of(const c10::IValue& value, const std::string& selector, int64_t rows) {
  const at::Tensor output = output_of(value, selector, rows);
  if (output.dim() == 2) return output;
  throw Error(Fault::input, "the model's output has shape " + shape_text(output.sizes().vec()) + " for a batch of " +
                                std::to_string(rows) + "; expected class scores [N,K]");
}

OutputKind output_kind(const LayeredGraph& graph, const std::string& selector) {
  const Value* value = selected(graph->outputs()[0], selector);
  while (value != nullptr && !value->node()->inputs().empty()) {
    const std::string op = value->node()->kind().toUnqualString();
    if (op == "softmax" || op == "_softmax") return OutputKind::softmax;
    if (op == "log_softmax" || op == "_log_softmax") return OutputKind::log_softmax;
    if (op == "sigmoid" || op == "sigmoid_") return OutputKind::sigmoid;
    if (!hands_on(op)) break;
    value = value->node()->input(0);
  }
  return OutputKind::scores;
}

at::Tensor probabilities_of(const at::Tensor& output, OutputKind kind, bool multi_label) {
  if (kind == OutputKind::softmax || kind == OutputKind::sigmoid) return output;
  if (kind == OutputKind::log_softmax) return output.exp();
  return multi_label || output.size(1) == 1 ? at::sigmoid(output) : at::softmax(output, 1);
}

at::Tensor logits_of(const at::Tensor& output, OutputKind kind) {
  if (kind == OutputKind::softmax) return output.clamp_min(std::numeric_limits<float>::min()).log();
  if (kind == OutputKind::sigmoid) return at::logit(output, 0.5 * std::numeric_limits<float>::epsilon());
  return output;
}

}  // namespace attune
