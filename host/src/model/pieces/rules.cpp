// Graphs whose gradients can pass norms, activations, products and attention by rules: see attune/sdk/rules.h.

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "model/graph/compat.h"
#include "model/graph/operators.h"
#include "model/layers/layers.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

// Norms whose statistics are a tensor of their own; 0 is Passing::statistic.
const char* const open_norms = R"(
def scaled(x, axes: List[int], eps: float, rule: Capsule):
    return x * attune.rule(torch.rsqrt(torch.mean(x * x, axes, True) + eps), rule, 0)

def affine(x, w: Optional[Tensor], b: Optional[Tensor]):
    if w is not None:
        x = x * w
    if b is not None:
        x = x + b
    return x

def layer_norm(x, shape: List[int], w: Optional[Tensor], b: Optional[Tensor], eps: float, cudnn: bool, rule: Capsule):
    axes = [-1, -2, -3, -4, -5][:len(shape)]
    return affine(scaled(x - torch.mean(x, axes, True), axes, eps, rule), w, b)

def rms_norm(x, shape: List[int], w: Optional[Tensor], eps: Optional[float], rule: Capsule):
    least = 1.1920928955078125e-07
    if x.dtype == 7:
        least = 2.220446049250313e-16
    if eps is not None:
        least = eps
    return affine(scaled(x, [-1, -2, -3, -4, -5][:len(shape)], least, rule), w, None)

def group_norm(x, groups: int, w: Optional[Tensor], b: Optional[Tensor], eps: float, cudnn: bool, rule: Capsule):
    y = x.reshape([x.size(0), groups, -1])
    y = scaled(y - torch.mean(y, [2], True), [2], eps, rule).reshape(x.size())
    channels = [1, -1] + [1, 1, 1][:x.dim() - 2]
    if w is not None:
        y = y * w.reshape(channels)
    if b is not None:
        y = y + b.reshape(channels)
    return y

def instance_norm(x, w: Optional[Tensor], b: Optional[Tensor], mean: Optional[Tensor], var: Optional[Tensor],
                  own: bool, momentum: float, eps: float, cudnn: bool, rule: Capsule):
    if own:
        y = group_norm(x, x.size(1), w, b, eps, cudnn, rule)
    else:
        y = torch.instance_norm(x, w, b, mean, var, own, momentum, eps, cudnn)
    return y
)";

bool carries_tensors(const Value* value) {
  const c10::TypePtr& type = value->type();
  const auto inner = type->kind() == c10::TypeKind::ListType ? type->containedTypes()[0] : type;
  static const std::set<c10::TypeKind> plain = {c10::TypeKind::IntType,    c10::TypeKind::FloatType,
                                                c10::TypeKind::BoolType,   c10::TypeKind::NumberType,
                                                c10::TypeKind::StringType, c10::TypeKind::NoneType};
  return plain.count(inner->kind()) == 0;
}

// Which values of a graph hand gradients on to its input.
class Dependence {
 public:
  explicit Dependence(Graph& graph) {
    values_.insert(graph.inputs()[2]);
    follow(graph.block());
  }

  bool operator()(const Value* value) const { return values_.count(value) != 0; }

  void add(const Value* value) {
    if (carries_tensors(value)) values_.insert(value);
  }

 private:
  // How many of its first inputs a node hands a gradient to.
  static size_t inputs_with_gradient(const Node* node) {
    static const auto none =
        words("detach eq ne lt le gt ge isnan argmax argmin sign floor logical_not ceil round numel size");
    const std::string name = node->kind().toUnqualString();
    const auto ends_with = [&](const std::string& end) {
      return name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
    };
    if (is_one_of(node, none) || ends_with("_like") || name.compare(0, 4, "new_") == 0) return 0;
    return name == "to" || ends_with("_as") ? 1 : node->inputs().size();
  }

  void follow(Block* block) {
    for (Node* node : block->nodes()) {
      if (!node->blocks().empty()) follow_blocks(node);
      const auto inputs = node->inputs().slice(0, inputs_with_gradient(node));
      const auto depends = [&](const Value* value) { return (*this)(value); };
      if (!node->blocks().empty() || std::none_of(inputs.begin(), inputs.end(), depends)) continue;
      for (const Value* output : node->outputs()) add(output);
    }
  }

  // Until nothing new is found: a loop's body is given what it has returned.
  void follow_blocks(Node* node) {
    for (size_t before = 0; before != values_.size();) {
      before = values_.size();
      for (Block* inner : node->blocks()) {
        for (size_t i = 1; i < inner->inputs().size(); ++i) {
          if ((*this)(node->input(i + 1)) || (*this)(inner->outputs()[i])) add(inner->inputs()[i]);
        }
        follow(inner);
        const size_t behind = inner->outputs().size() - node->outputs().size();  // a loop's condition comes first
        for (size_t i = 0; i < node->outputs().size(); ++i) {
          if ((*this)(inner->outputs()[i + behind])) add(node->output(i));
        }
      }
    }
  }

  std::set<const Value*> values_;
};

// Puts the gates in.
class Rules {
 public:
  Rules(Graph& graph, const Ruling& ruling) : ruling_(ruling), rule_(graph.inputs()[1]), depends_(graph) {
    collect(graph.block());
    for (Node* node : nodes_) {
      if (Node* product = mixing_product(node)) mixing_.insert(product);
    }
  }

  void apply() {
    for (Node* node : nodes_) {
      if (is_fused_attention(node)) {
        attend(node);
      } else if (is_product(node)) {
        halve(node);
      } else if (is_one_of(node, {"div", "true_divide"}) && both_depend(node)) {
        gate(node, 1, Passing::statistic);
      }
    }
    for (Node* node : nodes_) mark_linear(node);
    for (Node* node : nodes_) {
      if (ruling_.differences) {
        compare(node);
      } else {
        pass_activation(node);
      }
    }
  }

 private:
  void collect(Block* block) {
    for (Node* node : block->nodes()) {
      nodes_.push_back(node);
      for (Block* inner : node->blocks()) collect(inner);
    }
  }

  bool both_depend(const Node* node) const { return depends_(node->input(0)) && depends_(node->input(1)); }

  // Of two tensors that depend on the input.
  bool is_product(const Node* node) const {
    if (node->inputs().size() < 2 || !both_depend(node)) return false;
    if (node->kind() != c10::prim::ListConstruct) return is_one_of(node, {"matmul", "bmm", "mm", "mul", "multiply"});
    const auto& uses = node->output()->uses();
    return node->inputs().size() == 2 && uses.size() == 1 && uses[0].user->kind() == c10::aten::einsum;
  }

  void gate(Node* node, size_t input, Passing passing) {
    Graph& graph = *node->owningGraph();
    torch::jit::WithInsertPoint point(node);
    Value* x = node->input(input);
    Value* made =
        insert(graph, rule_symbol, {x, rule_, graph.insertConstant(static_cast<int64_t>(passing))}, x->type());
    node->replaceInput(input, made);
    depends_.add(made);
  }

  void halve(Node* node) {
    const bool is_elementwise = is_one_of(node, {"mul", "multiply"});
    for (const size_t i : {0, 1}) {
      bool sums = false;
      if (!is_elementwise || !is_made_of(node->input(i), origin(node->input(1 - i)), sums)) continue;
      return gate(node, i, sums ? Passing::statistic : Passing::scale);
    }
    const bool mixes = mixing_.count(node) != 0;
    gate(node, 0, mixes ? Passing::shares : Passing::factor);
    gate(node, 1, mixes ? Passing::values : Passing::factor);
  }

  // softmax(query key + mask) value, in one operator.
  void attend(Node* node) {
    const bool query = depends_(node->input(0)), key = depends_(node->input(1)), value = depends_(node->input(2)),
               mask = depends_(node->input(3));
    if (value && (query || key || mask)) {
      for (const size_t i : {0, 1, 3}) {
        if (depends_(node->input(i))) gate(node, i, Passing::shares);
      }
      gate(node, 2, Passing::values);
    }
    for (const size_t i : {0, 1}) {
      if (query && key) gate(node, i, Passing::factor);
    }
  }

  // Whether a value is computed from `root`, element by element or by sums over axes, without weights.
  bool is_made_of(const Value* value, const Value* root, bool& sums) const {
    static const auto elementwise = words(
        "abs add clamp clamp_min contiguous div erf exp expand gate gelu expand_as hardtanh layer log log1p mul neg "
        "pow relu "
        "hardsigmoid relu6 rsub reciprocal rsqrt sigmoid softplus rule sqrt square sub tanh to type_as unsqueeze");
    static const auto over_axes = words("mean sum var std norm linalg_vector_norm frobenius_norm");
    if (value == root || !depends_(value)) return true;
    const Node* node = value->node();
    const bool is_sum = is_one_of(node, over_axes);
    if (!is_sum && !is_one_of(node, elementwise)) return false;
    sums = sums || is_sum;
    const auto inputs = node->inputs();
    return std::all_of(inputs.begin(), inputs.end(), [&](const Value* v) { return is_made_of(v, root, sums); });
  }

  // What a value is made of but for a constant factor, its type, or its own mean, which is taken away.
  const Value* origin(const Value* value) const {
    const Node* node = value->node();
    bool sums = false;
    const bool is_linear =
        is_one_of(node, {"layer", "rule", "to", "contiguous"}) ||
        (is_one_of(node, {"mul", "div"}) && depends_(node->input(0)) && !depends_(node->input(1))) ||
        (is_one_of(node, {"sub"}) && both_depend(node) && is_made_of(node->input(1), node->input(0), sums));
    return is_linear ? origin(node->input(0)) : value;
  }

  // ReLU and its linear relatives keep their gates: y / x is their derivative.
  void pass_activation(Node* node) const {
    static const auto curved = words("gelu silu mish elu selu celu relu6 hardswish hardtanh clamp");
    const bool is_gate = node->kind() == gate_symbol && is_one_of(node->input(1)->node(), curved);
    if (!is_gate && node->kind() != c10::aten::tanh) return;
    Value* y = is_gate ? node->input(1) : node->output();
    torch::jit::WithInsertPoint point(node->next());
    Value* made = insert(*node->owningGraph(), activation_symbol, {y->node()->input(0), y, rule_}, y->type());
    node->output()->replaceAllUsesAfterNodeWith(made->node(), made);
    if (is_gate) node->destroy();
  }

  // Everybody who takes y takes what the new node makes of it.
  void put_behind(Value* y, c10::Symbol symbol, const std::vector<Value*>& inputs) {
    torch::jit::WithInsertPoint point(y->node()->next());
    Value* made = insert(*y->node()->owningGraph(), symbol, inputs, y->type());
    y->replaceAllUsesAfterNodeWith(made->node(), made);
    depends_.add(made);
  }

  void compare(Node* node) {
    static const auto alone = words("sigmoid tanh hardsigmoid log_sigmoid");
    static const auto maxima = words("max_pool1d max_pool2d max_pool3d");
    if (node->kind() == gate_symbol) {
      Value* y = node->input(1);
      torch::jit::WithInsertPoint point(node);
      Value* made = insert(*node->owningGraph(), difference_symbol, {node->input(0), y, rule_}, y->type());
      node->output()->replaceAllUsesWith(made);
      node->destroy();
      depends_.add(made);
    } else if (is_one_of(node, alone) && depends_(node->input(0))) {
      put_behind(node->output(), difference_symbol, {node->input(0), node->output(), rule_});
    } else if (is_one_of(node, maxima) && depends_(node->input(0))) {
      compare_maxima(node);
    }
  }

  void compare_maxima(Node* pooling) {
    Graph& graph = *pooling->owningGraph();
    const auto with_places = c10::Symbol::fromQualString(std::string(pooling->kind().toQualString()) + "_with_indices");
    Node* made = graph.create(with_places, pooling->inputs(), 2);
    made->insertBefore(pooling);
    for (Value* output : made->outputs()) output->setType(c10::TensorType::get());
    pooling->output()->replaceAllUsesWith(made->output(0));
    Value* x = pooling->input(0);
    pooling->destroy();
    put_behind(made->output(0), difference_of_maxima_symbol, {x, made->output(0), made->output(1), rule_});
  }

  // Which rule a product of a tensor and a weight has.
  const LinearRule& rule_for(const Node* node) const {
    static const LinearRule none;
    static const auto convolutions =
        words("conv1d conv2d conv3d _convolution convolution conv_transpose1d conv_transpose2d conv_transpose3d");
    static const auto products = words("linear matmul mm bmm addmm");
    const bool is_convolution = is_one_of(node, convolutions);
    if (!is_convolution && !is_one_of(node, products)) return none;
    const size_t first = node->kind() == c10::aten::addmm ? 1 : 0;
    if (depends_(node->input(first)) == depends_(node->input(first + 1))) return none;
    return is_convolution ? ruling_.convolutions : ruling_.linear;
  }

  void mark_linear(Node* node) {
    const LinearRule& rule = rule_for(node);
    if (rule == LinearRule{} || rule == LinearRule{LinearRule::epsilon, 0}) return;
    Graph& graph = *node->owningGraph();
    torch::jit::WithInsertPoint point(node);
    Value* kind = graph.insertConstant(static_cast<int64_t>(rule.kind));
    put_behind(node->output(), linear_symbol, {node->output(), rule_, kind, graph.insertConstant(rule.value)});
  }

  const Ruling& ruling_;
  Value* rule_;
  Dependence depends_;
  std::vector<Node*> nodes_;
  std::set<const Node*> mixing_;
};

}  // namespace

std::string Ruling::key() const {
  std::ostringstream key;
  key << (differences ? "d" : "") << std::hexfloat;  // every bit of the value
  for (const LinearRule& rule : {convolutions, linear}) key << '|' << rule.kind << ':' << rule.value;
  return key.str();
}

LayeredGraph with_rules(const LayeredGraph& graph, const Ruling& ruling) {
  static const OperatorFunctions norms = compile_functions(open_norms);
  LayeredGraph copy = graph->copy();
  Rules(*copy, ruling).apply();
  open_operators(copy->block(), norms);
  fold(copy);
  return copy;
}

}  // namespace attune
