// What a model's output means: scores, or probabilities already.

#include <ATen/TensorOperators.h>
#include <ATen/ops/log.h>
#include <ATen/ops/logit.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <limits>
#include <map>
#include <set>
#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/operators.h"
#include "model/layers/output.h"

namespace attune {
namespace {

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
