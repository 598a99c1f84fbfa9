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

bool is_index(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

// "a dict", for messages.
std::string kind_of(const c10::IValue& value) {
  if (value.isTensor()) return "a tensor";
  if (value.isGenericDict()) return "a dict";
  if (value.isTuple()) return "a tuple";
  if (value.isList()) return "a list";
  return value.isNone() ? "None" : "a value of type " + value.tagKind();
}

at::Tensor from_sequence(const c10::IValue& value, const std::vector<c10::IValue>& elements,
                         const std::string& selector) {
  if (selector == "auto") {
    for (const auto& element : elements) {
      if (element.isTensor() && element.toTensor().defined()) return element.toTensor();
    }
    throw Error(Fault::input, "the model returns " + kind_of(value) + " without a tensor" +
                                  (elements.empty() ? "" : " (its first entry is " + kind_of(elements[0]) + ")") +
                                  "; export a wrapper that returns class scores [N,K]");
  }
  if (is_index(selector) && std::stoul(selector) < elements.size() && elements[std::stoul(selector)].isTensor()) {
    return elements[std::stoul(selector)].toTensor();
  }
  throw Error(Fault::input, "the model returns " + kind_of(value) + " of " + std::to_string(elements.size()) +
                                " and output '" + selector + "' is no tensor of it; expected an index from 0");
}

std::string joined_with_commas(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

at::Tensor from_dict(const c10::Dict<c10::IValue, c10::IValue>& dict, const std::string& selector) {
  std::vector<std::string> keys, others;
  std::vector<at::Tensor> tensors;
  for (const auto& entry : dict) {
    const std::string key = entry.key().isString() ? entry.key().toStringRef() : std::to_string(keys.size());
    if (!entry.value().isTensor()) {
      others.push_back("'" + key + "' is " + kind_of(entry.value()));
      continue;
    }
    keys.push_back(key);
    tensors.push_back(entry.value().toTensor());
  }
  const auto find = [&](const std::string& key) {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == key) return tensors[i];
    }
    return at::Tensor();
  };
  if (selector != "auto") {
    if (const auto tensor = find(selector); tensor.defined()) return tensor;
  } else {
    for (const char* usual : {"out", "logits"}) {
      if (const auto tensor = find(usual); tensor.defined()) return tensor;
    }
    if (tensors.size() == 1) return tensors[0];
  }
  if (keys.empty()) {
    throw Error(Fault::input, "the model returns a dict without a tensor (" + joined_with_commas(others) +
                                  "); export a wrapper that returns class scores [N,K]");
  }
  throw Error(Fault::input, "the model returns a dict with the tensors " + joined_with_commas(keys) +
                                "; name one as its output" + did_you_mean(selector, keys));
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

at::Tensor select_output(const c10::IValue& value, const std::string& selector) {
  if (value.isTensor()) return value.toTensor();
  if (value.isTuple()) return from_sequence(value, value.toTupleRef().elements().vec(), selector);
  if (value.isTensorList() || value.isList()) return from_sequence(value, value.toListRef().vec(), selector);
  if (value.isGenericDict()) return from_dict(value.toGenericDict(), selector);
  throw Error(Fault::input, "the model returns " + kind_of(value) + "; expected a tensor, a tuple or a dict");
}

at::Tensor scores_of(const c10::IValue& value, const std::string& selector, int64_t rows) {
  const at::Tensor output = select_output(value, selector);
  const std::string found =
      "the model's output has shape " + shape_text(output.sizes().vec()) + " for a batch of " + std::to_string(rows);
  if (!output.is_floating_point()) {
    throw Error(Fault::input, found + " and the type " + std::string(c10::toString(output.scalar_type())) +
                                  ", which has no gradient; expected floating-point class scores [N,K]");
  }
  if (output.dim() >= 1 && output.size(0) == rows && output.numel() > 0) {
    if (output.dim() == 1) return output.unsqueeze(1);
    if (output.numel() == rows * output.size(1)) return output.dim() == 2 ? output : output.flatten(1);
  }
  throw Error(Fault::input, found + "; expected class scores [N,K]");
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
