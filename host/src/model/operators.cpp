#include "model/operators.h"

#include <ATen/ops/relu.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

namespace attune {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using torch::jit::Stack;

thread_local LayerObserver* observer = nullptr;

// The identity on y. Nothing but the rule is saved, and the backward consists of differentiable operations, so that
// second derivatives are right.
struct Gate : torch::autograd::Function<Gate> {
  static Variable forward(AutogradContext* context, const Variable& /*x*/, const Variable& y,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& rule) {
    context->saved_data["rule"] = c10::IValue::make_capsule(rule);
    context->set_materialize_grads(false);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Variable& g = gradients[0];
    if (!g.defined()) return {Variable(), Variable(), Variable()};
    const auto holder = context->saved_data["rule"].toCapsule();
    switch (static_cast<const GradientRule&>(*holder).rectifier.load()) {
      case Rectifier::guided:
        return {Variable(), at::relu(g), Variable()};
      case Rectifier::deconvnet:
        return {at::relu(g), Variable(), Variable()};
      case Rectifier::standard:
        break;
    }
    return {Variable(), g, Variable()};
  }
};

void run_layer(Stack& stack) {
  const std::string name = torch::jit::pop(stack).toStringRef();
  const at::Tensor& x = torch::jit::peek(stack, 0, 1).toTensor();
  if (observer != nullptr) observer->visits.push_back({name, x.sizes().vec()});
}

void run_gate(Stack& stack) {
  const auto rule = torch::jit::pop(stack).toCapsule();
  const at::Tensor y = torch::jit::pop(stack).toTensor();
  const at::Tensor x = torch::jit::pop(stack).toTensor();
  const bool recorded = at::GradMode::is_enabled() && y.requires_grad();
  torch::jit::push(stack, recorded ? Gate::apply(x, y, rule) : y);
}

const torch::jit::RegisterOperators registration({
    torch::jit::Operator("attune::layer(Tensor(a) x, str name) -> Tensor(a)", run_layer,
                         c10::AliasAnalysisKind::FROM_SCHEMA),
    torch::jit::Operator("attune::gate(Tensor x, Tensor(a) y, Capsule rule) -> Tensor(a)", run_gate,
                         c10::AliasAnalysisKind::FROM_SCHEMA),
});

}  // namespace

const c10::Symbol layer_symbol = c10::Symbol::fromQualString("attune::layer");
const c10::Symbol gate_symbol = c10::Symbol::fromQualString("attune::gate");

LayerObserver::LayerObserver() { observer = this; }
LayerObserver::~LayerObserver() { observer = nullptr; }

}  // namespace attune
