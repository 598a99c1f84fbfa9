#include "model/graph/operators.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <torch/csrc/jit/ir/constants.h>

#include <attune/sdk/rules.h>

namespace attune {
namespace {

thread_local Observer* observer = nullptr;

void keep(AutogradContext* context, const c10::intrusive_ptr<torch::CustomClassHolder>& rule) {
  context->saved_data["rule"] = c10::IValue::make_capsule(rule);
  context->set_materialize_grads(false);
}

Rectifier rectifier_of(AutogradContext* context) {
  return static_cast<const GradientRule&>(*context->saved_data["rule"].toCapsule()).rectifier;
}

uint32_t rules_of(AutogradContext* context) {
  return static_cast<const GradientRule&>(*context->saved_data["rule"].toCapsule()).rules;
}

// The identity on y. Nothing but the rule is saved, and the backward consists of differentiable operations, so that
// second derivatives are right.
struct Gate : torch::autograd::Function<Gate> {
  static Variable forward(AutogradContext* context, const Variable& /*x*/, const Variable& y,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& rule) {
    keep(context, rule);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Variable& g = gradients[0];
    if (!g.defined()) return {Variable(), Variable(), Variable()};
    const Rectifier rectifier = rectifier_of(context);
    if (rectifier == Rectifier::deconvnet) return {at::relu(g), Variable(), Variable()};
    return {Variable(), rectifier == Rectifier::guided ? at::relu(g) : g, Variable()};
  }
};

// relu with its gate: of both input and output only the output is kept.
struct Rectify : torch::autograd::Function<Rectify> {
  static Variable forward(AutogradContext* context, Variable x,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& rule, bool in_place) {
    keep(context, rule);
    if (in_place) context->mark_dirty({x});
    Variable y = in_place ? at::relu_(x) : at::relu(x);
    context->save_for_backward({y});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Variable& g = gradients[0];
    if (!g.defined()) return {Variable(), Variable(), Variable()};
    const Rectifier rectifier = rectifier_of(context);
    if (rectifier == Rectifier::deconvnet) return {at::relu(g), Variable(), Variable()};
    // Detached: the derivative with respect to y is zero, and zeros would be sent through all of the graph before it.
    at::Tensor passed = at::threshold_backward(g, context->get_saved_variables()[0].detach(), 0);
    if (rectifier == Rectifier::standard) return {passed, Variable(), Variable()};
    return {at::GradMode::is_enabled() ? at::relu(passed) : at::relu_(passed), Variable(), Variable()};
  }
};

double share_of_gradient(Passing passing, uint32_t rules) {
  const auto constant_if = [&](uint32_t rule) { return (rules & rule) != 0 ? 0.0 : 1.0; };
  const double half = (rules & BackwardRules::products) != 0 ? 0.5 : 1.0;
  const bool constant_shares = (rules & BackwardRules::attention) != 0;
  switch (passing) {
    case Passing::statistic:
      return constant_if(BackwardRules::norms);
    case Passing::scale:
      return constant_if(BackwardRules::activations);
    case Passing::shares:
      return constant_shares ? 0 : half;
    case Passing::values:
      return constant_shares ? 1 : half;
    case Passing::difference:
      return constant_if(BackwardRules::differences);
    case Passing::contribution:
      return constant_if(linear_rules);
    case Passing::factor:
      break;
  }
  return half;
}

// The identity on x. Both consist of differentiable operations and know the rule only while gradients() runs, so that
// second derivatives are those of the numbers that the rule gave.
struct PassByRule : torch::autograd::Function<PassByRule> {
  static Variable forward(AutogradContext* context, const Variable& x,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& rule, int64_t passing) {
    keep(context, rule);
    context->saved_data["passing"] = passing;
    return x;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Variable& g = gradients[0];
    const auto passing = static_cast<Passing>(context->saved_data["passing"].toInt());
    const double share = share_of_gradient(passing, rules_of(context));
    if (!g.defined() || share == 0) return {Variable(), Variable(), Variable()};
    return {share == 1 ? g : g * share, Variable(), Variable()};
  }
};

// The identity on y = f(x).
struct PassActivation : torch::autograd::Function<PassActivation> {
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& y,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& rule) {
    keep(context, rule);
    context->save_for_backward({x, y});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Variable& g = gradients[0];
    const bool ruled = (rules_of(context) & BackwardRules::activations) != 0;
    if (!g.defined() || !ruled) return {Variable(), g, Variable()};
    const auto saved = context->get_saved_variables();
    const at::Tensor none = saved[0] == 0;  // there the derivative is what the quotient tends to
    const at::Tensor slope = saved[1] / at::where(none, at::ones_like(saved[0]), saved[0]);
    return {g * slope * none.logical_not(), g * none, Variable()};
  }
};

using Rule = c10::intrusive_ptr<torch::CustomClassHolder>;

// Values that lead gradients another way than they were made, while the rule holds that hides tensors of this kind.
class Detour {
 public:
  Detour(const Rule& rule, Passing passing) : rule_(rule), passing_(static_cast<int64_t>(passing)) {}

  at::Tensor hidden(const at::Tensor& x) const { return x.requires_grad() ? PassByRule::apply(x, rule_, passing_) : x; }
  // `y`, whose gradient goes by `way`.
  at::Tensor by(const at::Tensor& y, const at::Tensor& way) const { return hidden(y) + (way - hidden(way)); }

 private:
  const Rule& rule_;
  int64_t passing_;
};

// The rows of x and y come in halves; those of the first are compared with those of the second.
at::Tensor difference(const at::Tensor& x, const at::Tensor& y, const Rule& rule) {
  const Detour detour(rule, Passing::difference);
  const auto xs = x.chunk(2), ys = y.chunk(2);
  const at::Tensor step = xs[0] - xs[1];
  const double rounding = std::sqrt(x.scalar_type() == at::kDouble ? 2.3e-16 : 1.2e-7);
  const at::Tensor is_none = step.detach().abs() <= (xs[0].abs() + xs[1].abs()).detach() * rounding;
  const at::Tensor slope = (ys[0] - ys[1]) / at::where(is_none, at::ones_like(step), step);
  const at::Tensor led = detour.by(ys[0], xs[0] * detour.hidden(slope));
  return at::cat({at::where(is_none, ys[0], led), ys[1]});
}

// What a maximum gains over the other half's belongs to where it is now, what it loses to where the other's is.
at::Tensor difference_of_maxima(const at::Tensor& x, const at::Tensor& y, const at::Tensor& places, const Rule& rule) {
  const Detour detour(rule, Passing::difference);
  const auto xs = x.flatten(2).chunk(2), ys = y.flatten(2).chunk(2), at = places.flatten(2).chunk(2);
  const at::Tensor step = xs[0] - xs[1], larger = at::maximum(ys[0], ys[1]);
  const auto way = [&](const at::Tensor& part, const at::Tensor& place) {
    const at::Tensor is_none = part == 0, there = step.gather(2, place);
    return xs[0].gather(2, place) * detour.hidden(part / at::where(is_none, at::ones_like(there), there));
  };
  const at::Tensor led = detour.by(ys[0], way(larger - ys[1], at[0]) + way(ys[0] - larger, at[1]));
  return at::cat({led, ys[1]}).view(y.sizes());
}

// Denominators are this far from zero.
constexpr double least_denominator = 1e-6;

at::Tensor away_from_zero(const at::Tensor& x, double by) { return at::where(x < 0, x - by, x + by); }

// y = p + n, whose gradient goes by p and n as the rule weights them. Where n has a denominator of its own it is given:
// as the difference of y and p it may be rounding alone.
at::Tensor contributions(const at::Tensor& y, const at::Tensor& p, at::Tensor n, const Rule& rule,
                         LinearRule::Kind kind, double value) {
  const Detour detour(rule, Passing::contribution);
  const auto weighted = [&](const at::Tensor& part, const at::Tensor& weight) { return part * detour.hidden(weight); };
  if (kind == LinearRule::epsilon) return detour.by(y, weighted(y, y / away_from_zero(y, value)));
  if (kind == LinearRule::z_plus) return detour.by(y, weighted(p, y / away_from_zero(p, least_denominator)));
  at::Tensor of_p, of_n;
  if (kind == LinearRule::gamma) {
    n = y - p;
    const at::Tensor is_negative = y < 0;
    const at::Tensor share = y / away_from_zero(y + value * at::where(is_negative, n, p), least_denominator);
    of_p = at::where(is_negative, share, (1 + value) * share);
    of_n = at::where(is_negative, (1 + value) * share, share);
  } else {
    of_p = value * y / away_from_zero(p, least_denominator);
    of_n = (1 - value) * y / at::where(n > 0, n + least_denominator, n - least_denominator);
  }
  return detour.by(y, weighted(p, of_p) + weighted(n, of_n));
}

bool is_recorded(const at::Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); }

void run_rectify(Stack& stack) {
  at::Tensor x;
  c10::IValue rule;
  bool in_place = false;
  torch::jit::pop(stack, x, rule, in_place);
  if (is_recorded(x)) {
    // A view that is overwritten gets another node, which would hold itself through what Rectify saves.
    torch::jit::push(stack, Rectify::apply(x, rule.toCapsule(), in_place && !x.is_view()));
  } else {
    torch::jit::push(stack, in_place ? at::relu_(x) : at::relu(x));
  }
}

// A write to a view (the result of a linear layer on tokens is one) changes how its base is recorded, from where
// gradients may be asked for.
at::Tensor accumulate(at::Tensor& x, const at::Tensor& y, const c10::Scalar& alpha) {
  const bool is_recorded_view = at::GradMode::is_enabled() && x.is_view();
  const bool fits = x.sizes() == y.sizes() && x.scalar_type() == y.scalar_type() && x.device() == y.device();
  return fits && !is_recorded_view ? x.add_(y, alpha) : x.add(y, alpha);
}

void run_accumulate(Stack& stack) {
  at::Tensor x, y;
  c10::Scalar alpha;
  torch::jit::pop(stack, x, y, alpha);
  torch::jit::push(stack, accumulate(x, y, alpha));
}

// Whether two tensors of floats lie in memory in one order and without gaps.
bool are_alike(const at::Tensor& x, const at::Tensor& y) {
  return x.is_cpu() && y.is_cpu() && x.scalar_type() == at::kFloat && y.scalar_type() == at::kFloat &&
         x.sizes() == y.sizes() && x.strides() == y.strides() && x.is_non_overlapping_and_dense();
}

// x becomes relu(x + y) in one pass over memory, which is what these operators take their time for. NaN stays NaN.
void run_accumulate_rectified(Stack& stack) {
  at::Tensor x, y;
  torch::jit::pop(stack, x, y);
  if (at::GradMode::is_enabled() || !are_alike(x, y)) {
    torch::jit::push(stack, at::relu(accumulate(x, y, 1)));
    return;
  }
  float* to = x.data_ptr<float>();
  const float* from = y.data_ptr<float>();
  at::parallel_for(0, x.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float sum = to[i] + from[i];
      to[i] = 0.0F > sum ? 0.0F : sum;
    }
  });
  torch::jit::push(stack, x);
}

void run_layer(Stack& stack) {
  const std::string name = torch::jit::pop(stack).toStringRef();
  const at::Tensor& x = torch::jit::peek(stack, 0, 1).toTensor();
  if (observer != nullptr) observer->layer(name, x);
}

void run_watch(Stack& stack) {
  const auto count = static_cast<size_t>(torch::jit::pop(stack).toInt());
  std::vector<c10::IValue> values = torch::jit::pop(stack, count);
  if (observer == nullptr) return;
  const auto inputs = values.begin() + 2 + values[1].toInt();
  observer->operation(values[0].toStringRef(), std::vector<c10::IValue>(inputs, values.end()),
                      std::vector<c10::IValue>(values.begin() + 2, inputs));
}

// Identities of y = f(x), and of x.
template <class Identity>
void run_identity_of_result(Stack& stack) {
  at::Tensor x, y;
  c10::IValue rule;
  torch::jit::pop(stack, x, y, rule);
  torch::jit::push(stack, is_recorded(y) ? Identity::apply(x, y, rule.toCapsule()) : y);
}

void run_rule(Stack& stack) {
  at::Tensor x;
  c10::IValue rule;
  int64_t passing = 0;
  torch::jit::pop(stack, x, rule, passing);
  torch::jit::push(stack, is_recorded(x) ? PassByRule::apply(x, rule.toCapsule(), passing) : x);
}

// Whether rows can be compared by halves, and gradients will be.
bool is_compared(const at::Tensor& x, const at::Tensor& y) {
  return is_recorded(y) && y.dim() > 0 && y.size(0) % 2 == 0 && x.sizes()[0] == y.sizes()[0];
}

void run_difference(Stack& stack) {
  at::Tensor x, y;
  c10::IValue rule;
  torch::jit::pop(stack, x, y, rule);
  torch::jit::push(stack, is_compared(x, y) ? difference(x, y, rule.toCapsule()) : y);
}

void run_difference_of_maxima(Stack& stack) {
  at::Tensor x, y, places;
  c10::IValue rule;
  torch::jit::pop(stack, x, y, places, rule);
  torch::jit::push(stack, is_compared(x, y) ? difference_of_maxima(x, y, places, rule.toCapsule()) : y);
}

void run_linear(Stack& stack) { torch::jit::drop(stack, 3); }

void run_contributions(Stack& stack) {
  at::Tensor y;
  c10::optional<at::Tensor> p, n;
  c10::IValue rule;
  int64_t kind = 0;
  double value = 0;
  torch::jit::pop(stack, y, p, n, rule, kind, value);
  if (is_recorded(y)) {
    y = contributions(y, p.value_or(at::Tensor()), n.value_or(at::Tensor()), rule.toCapsule(),
                      static_cast<LinearRule::Kind>(kind), value);
  }
  torch::jit::push(stack, y);
}

bool gives_tensors(const Node* node) {
  const auto is_tensors = [](const Value* value) {
    return value->type()->isSubtypeOf(*c10::TensorType::get()) ||
           value->type()->isSubtypeOf(*c10::ListType::ofTensors());
  };
  if (node->kind().is_prim() || node->kind() == layer_symbol) return false;
  const auto outputs = node->outputs();
  return std::any_of(outputs.begin(), outputs.end(), is_tensors);
}

const torch::jit::RegisterOperators layers_and_gates({
    own_operator("attune::layer(Tensor(a) x, str name) -> Tensor(a)", run_layer),
    own_operator("attune::gate(Tensor x, Tensor(a) y, Capsule rule) -> Tensor(a)", run_identity_of_result<Gate>),
    own_operator("attune::rule(Tensor(a) x, Capsule rule, int passing) -> Tensor(a)", run_rule),
    own_operator("attune::activation(Tensor x, Tensor(a) y, Capsule rule) -> Tensor(a)",
                 run_identity_of_result<PassActivation>),
    own_operator("attune::difference(Tensor x, Tensor y, Capsule rule) -> Tensor", run_difference),
    own_operator("attune::difference_of_maxima(Tensor x, Tensor y, Tensor places, Capsule rule) -> Tensor",
                 run_difference_of_maxima),
    own_operator("attune::linear(Tensor(a) y, Capsule rule, int kind, float value) -> Tensor(a)", run_linear),
    own_operator("attune::contributions(Tensor y, Tensor? p, Tensor? n, Capsule rule, int kind, float value) -> Tensor",
                 run_contributions),
    own_operator("attune::accumulate(Tensor(a!) x, Tensor y, Scalar alpha) -> Tensor(a!)", run_accumulate),
    own_operator("attune::accumulate_rectified(Tensor(a!) x, Tensor y) -> Tensor(a!)", run_accumulate_rectified),
    own_operator("attune::rectify(Tensor(a!) x, Capsule rule, bool in_place) -> Tensor(a!)", run_rectify),
    torch::jit::Operator("attune::watch(...) -> ()", run_watch, c10::AliasAnalysisKind::CONSERVATIVE),
});

}  // namespace

Observer::Observer() { observer = this; }
Observer::~Observer() { observer = nullptr; }

void watch_operators(const LayeredGraph& graph) {
  for (Node* node : nodes_where(graph->block(), gives_tensors)) {
    torch::jit::WithInsertPoint point(node->next());
    std::vector<Value*> values{graph->insertConstant(std::string(node->kind().toUnqualString())),
                               graph->insertConstant(static_cast<int64_t>(node->outputs().size()))};
    values.insert(values.end(), node->outputs().begin(), node->outputs().end());
    values.insert(values.end(), node->inputs().begin(), node->inputs().end());
    graph->insertNode(graph->create(watch_symbol, values, 0));
  }
}

}  // namespace attune
