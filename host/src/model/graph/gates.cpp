// Gates behind activations, where guided rules act.

#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/graph.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

bool is_zero(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isScalar() && constant->toScalar().toDouble() == 0.0;
}

// Of x + 3 a rectifier is a part of a hard sigmoid.
bool is_shifted(const Node* node) {
  const Node* below = unmarked(const_cast<Value*>(node->input(0)))->node();
  return below->kind() == c10::aten::add && torch::jit::toIValue(below->input(1)).has_value();
}

// Whether an operator is a rectifier, or a smooth relative of one; also where its write could not be removed.
bool is_activation(const Node* node) {
  static const auto always = words("relu leaky_relu prelu rrelu gelu silu mish elu selu celu softplus hardswish");
  static const auto from_zero = words("hardtanh clamp_min clamp");
  std::string name = node->kind().toUnqualString();
  if (name.back() == '_') name.pop_back();
  if (!node->kind().is_aten() || always.count(name) != 0) return node->kind().is_aten();
  if (name == "threshold") return is_zero(node->input(1)) && is_zero(node->input(2));
  return (name == "relu6" || (from_zero.count(name) != 0 && is_zero(node->input(1)))) && !is_shifted(node);
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
    static const auto elementwise = words(
        "layer add clamp clamp_max clamp_min div erf exp hardtanh hardsigmoid log1p mul pow sub relu6 sigmoid softplus "
        "tanh "
        "where gt to relu");
    const auto [known, is_new] = below_.emplace(value, nullptr);
    if (!is_new || !is_one_of(value->node(), elementwise)) return known->second;
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
      if (!is_one_of(value->node(), {"layer", "mul", "div", "to"})) return false;
    }
    return true;
  }

  bool is_bounded(Value* value, const Value* root) {
    static const auto bounded = words("sigmoid tanh erf clamp hardtanh clamp_max relu6 hardsigmoid");
    bool bends = false;
    std::set<const Node*> nodes;
    for (; value != root; value = below(value)) {
      nodes.insert(value->node());
      bends = bends || is_one_of(value->node(), bounded);
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
  const bool is_scale = is_one_of(user, {"mul", "div"}) && torch::jit::toIValue(user->input(1)).has_value();
  return is_scale ? scaled(user) : product;
}

}  // namespace

std::vector<std::string> gate_activations(LayeredGraph& graph) {
  Value* rule = graph->insertInput(1, "rule");
  rule->setType(c10::CapsuleType::get());
  std::vector<std::pair<Node*, Value*>> found;  // activations and what they are of, in order
  WrittenOut written_out;
  for_each_node(graph->block(), [&](Node* node) {
    if (is_activation(node)) found.emplace_back(node, node->input(0));
    Value* x = written_out.input_of(node);
    if (x != nullptr) found.emplace_back(scaled(node), x);
  });
  std::vector<std::string> gated;
  for (auto it = found.rbegin(); it != found.rend(); ++it) {  // so that later ones take the results of earlier
    const auto [node, x] = *it;
    if (written_out.holds(node)) continue;
    Value* y = node->output();
    torch::jit::WithInsertPoint point(node->next());
    Value* gate = insert(*graph, gate_symbol, {x, y, rule}, y->type());
    y->replaceAllUsesAfterNodeWith(gate->node(), gate);
    gated.insert(gated.begin(), node->kind().toUnqualString());
  }
  return gated;
}

}  // namespace attune
