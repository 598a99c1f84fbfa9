// Step 3 of the rewriting: activation functions whose backward rule can be chosen.

#include <functional>
#include <map>
#include <set>
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
// Of x + 3 it is a part of a hard sigmoid.
bool is_shifted(const Node* node) {
  const Node* below = unmarked(const_cast<Value*>(node->input(0)))->node();
  return below->kind() == c10::aten::add && torch::jit::toIValue(below->input(1)).has_value();
}
bool unless_shifted(const Node* node) { return !is_shifted(node); }
bool from_zero(const Node* node) { return is_zero(node->input(1)) && !is_shifted(node); }
bool threshold_at_zero(const Node* node) { return is_zero(node->input(1)) && is_zero(node->input(2)); }

// Which operators are rectifiers, or smooth relatives of one.
const std::map<std::string, std::function<bool(const Node*)>>& activations() {
  static const std::map<std::string, std::function<bool(const Node*)>> table = {{"aten::relu", always},
                                                                                {"aten::relu6", unless_shifted},
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

bool has_kind(const Node* node, const std::set<std::string>& names) {
  return names.count(node->kind().toQualString()) != 0;
}

// Activations that are written out, such as x * sigmoid(x) where run_decompositions() or ONNX had a SiLU: products of x
// and of a bounded function of x.
class WrittenOut {
 public:
  // The x of such a product; nullptr for any other node.
  Value* input_of(const Node* node) {
    if (node->kind() != c10::aten::mul) return nullptr;
    for (const size_t i : {0, 1}) {
      Value *x = node->input(i), *factor = node->input(1 - i), *root = meeting(x, factor);
      if (root != nullptr && is_multiple(x, root) && is_bounded(factor, root)) return root;
    }
    return nullptr;
  }

  // Whether a node stands within one.
  bool holds(const Node* node) const { return inside_.count(node) != 0; }

 private:
  // What a value is computed from, element by element; nullptr where it is not.
  Value* below(Value* value) {
    static const std::set<std::string> elementwise = {
        "attune::layer", "aten::add", "aten::clamp",    "aten::clamp_max",   "aten::clamp_min", "aten::div",
        "aten::erf",     "aten::exp", "aten::hardtanh", "aten::hardsigmoid", "aten::log1p",     "aten::mul",
        "aten::pow",     "aten::sub", "aten::relu6",    "aten::sigmoid",     "aten::softplus",  "aten::tanh",
        "aten::where",   "aten::gt",  "aten::to",       "aten::relu"};
    const auto [known, is_new] = below_.emplace(value, nullptr);
    if (!is_new || !has_kind(value->node(), elementwise)) return known->second;
    Value* found = nullptr;
    for (Value* input : value->node()->inputs()) {
      if (!input->type()->isSubtypeOf(*c10::TensorType::get()) || input->node()->kind() == c10::prim::Constant)
        continue;
      found = found == nullptr ? input : meeting(found, input);
      if (found == nullptr) return nullptr;
    }
    return below_[value] = found;
  }

  Value* meeting(Value* a, Value* b) {
    std::set<const Value*> of_a;
    for (; a != nullptr; a = below(a)) of_a.insert(a);
    while (b != nullptr && of_a.count(b) == 0) b = below(b);
    return b;
  }

  bool is_multiple(Value* value, const Value* root) {
    for (; value != root; value = below(value)) {
      if (!has_kind(value->node(), {"attune::layer", "aten::mul", "aten::div", "aten::to"})) return false;
    }
    return true;
  }

  bool is_bounded(Value* value, const Value* root) {
    bool bends = false;
    std::set<const Node*> nodes;
    for (; value != root; value = below(value)) {
      nodes.insert(value->node());
      bends =
          bends || has_kind(value->node(), {"aten::sigmoid", "aten::tanh", "aten::erf", "aten::clamp", "aten::hardtanh",
                                            "aten::clamp_max", "aten::relu6", "aten::hardsigmoid"});
    }
    if (bends) inside_.merge(nodes);
    return bends;
  }

  std::map<const Value*, Value*> below_;
  std::set<const Node*> inside_;
};

// Where a product that a constant scales, and nobody else takes, has its last value: x * clamp(x + 3, 0, 6) / 6.
Node* scaled(Node* product) {
  const auto& uses = product->output()->uses();
  if (uses.size() != 1 || uses[0].offset != 0) return product;
  Node* user = uses[0].user;
  const bool is_scale = has_kind(user, {"aten::mul", "aten::div"}) && torch::jit::toIValue(user->input(1)).has_value();
  return is_scale ? scaled(user) : product;
}

using Gates = std::vector<std::pair<Node*, Value*>>;  // activations and what they are of, in order

void find_gates(Block* block, WrittenOut& written_out, Gates& gates) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) find_gates(inner, written_out, gates);
    if (is_activation(node)) gates.emplace_back(node, node->input(0));
    Value* x = written_out.input_of(node);
    if (x != nullptr) gates.emplace_back(scaled(node), x);
  }
}

void insert_gate(Node* node, Value* x, Value* rule) {
  Graph& graph = *node->owningGraph();
  Value* y = node->output();
  Node* gate = graph.create(gate_symbol, {x, y, rule});
  gate->output()->setType(y->type());
  gate->insertAfter(node);
  y->replaceAllUsesAfterNodeWith(gate, gate->output());
}

}  // namespace

std::vector<std::string> gate_activations(LayeredGraph& graph) {
  Value* rule = graph->insertInput(1, "rule");
  rule->setType(c10::CapsuleType::get());
  std::vector<std::string> gated;
  Gates gates;
  WrittenOut written_out;
  find_gates(graph->block(), written_out, gates);
  for (auto gate = gates.rbegin(); gate != gates.rend(); ++gate) {  // so that later ones take the results of earlier
    if (written_out.holds(gate->first)) continue;
    insert_gate(gate->first, gate->second, rule);
    gated.insert(gated.begin(), gate->first->kind().toUnqualString());
  }
  return gated;
}

}  // namespace attune
