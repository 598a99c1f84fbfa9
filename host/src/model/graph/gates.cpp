// Step 3 of the rewriting: activation functions whose backward rule can be chosen.

#include <functional>
#include <map>
#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/graph.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

bool is_zero(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isScalar() && constant->toScalar().toDouble() == 0.0;
}

bool always(const Node*) { return true; }
bool from_zero(const Node* node) { return is_zero(node->input(1)); }
bool threshold_at_zero(const Node* node) { return is_zero(node->input(1)) && is_zero(node->input(2)); }

// Which operators are rectifiers, or smooth relatives of one.
const std::map<std::string, std::function<bool(const Node*)>>& activations() {
  static const std::map<std::string, std::function<bool(const Node*)>> table = {{"aten::relu", always},
                                                                                {"aten::relu6", always},
                                                                                {"aten::leaky_relu", always},
                                                                                {"aten::prelu", always},
                                                                                {"aten::rrelu", always},
                                                                                {"aten::gelu", always},
                                                                                {"aten::silu", always},
                                                                                {"aten::mish", always},
                                                                                {"aten::elu", always},
                                                                                {"aten::selu", always},
                                                                                {"aten::celu", always},
                                                                                {"aten::softplus", always},
                                                                                {"aten::hardswish", always},
                                                                                {"aten::hardtanh", from_zero},
                                                                                {"aten::clamp_min", from_zero},
                                                                                {"aten::clamp", from_zero},
                                                                                {"aten::threshold", threshold_at_zero}};
  return table;
}

bool is_activation(const Node* node) {
  std::string name = node->kind().toQualString();
  if (name.back() == '_') name.pop_back();  // where the write could not be removed
  const auto entry = activations().find(name);
  return entry != activations().end() && entry->second(node);
}

void insert_gate(Node* node, Value* rule) {
  Graph& graph = *node->owningGraph();
  Value* y = node->output();
  Node* gate = graph.create(gate_symbol, {node->input(0), y, rule});
  gate->output()->setType(y->type());
  gate->insertAfter(node);
  y->replaceAllUsesAfterNodeWith(gate, gate->output());
}

void gate_block(Block* block, Value* rule, std::vector<std::string>& gated) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) gate_block(inner, rule, gated);
    if (!is_activation(node)) continue;
    insert_gate(node, rule);
    gated.emplace_back(node->kind().toUnqualString());
  }
}

}  // namespace

std::vector<std::string> gate_activations(LayeredGraph& graph) {
  Value* rule = graph->insertInput(1, "rule");
  rule->setType(c10::CapsuleType::get());
  std::vector<std::string> gated;
  gate_block(graph->block(), rule, gated);
  return gated;
}

}  // namespace attune
