#include <ATen/TensorOperators.h>
#include <initializer_list>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include "model/pieces/pieces.h"

namespace attune {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Value;

const c10::Symbol fold_symbol = c10::Symbol::fromQualString("attune::fold");

c10::optional<at::Tensor> optional_tensor(const c10::IValue& value) {
  return value.isNone() ? c10::optional<at::Tensor>() : value.toTensor();
}

// The weight and bias of a convolution with the batch norm behind it.
void run_fold(Stack& stack) {
  const double eps = torch::jit::pop(stack).toDouble();
  const at::Tensor var = torch::jit::pop(stack).toTensor(), mean = torch::jit::pop(stack).toTensor();
  const auto shift = optional_tensor(torch::jit::pop(stack)), scale = optional_tensor(torch::jit::pop(stack)),
             b = optional_tensor(torch::jit::pop(stack));
  const at::Tensor w = torch::jit::pop(stack).toTensor();
  at::Tensor factor = (var + eps).rsqrt();
  if (scale) factor = factor * *scale;
  at::Tensor bias = (b ? *b - mean : -mean) * factor;
  if (shift) bias = bias + *shift;
  std::vector<int64_t> shape(static_cast<size_t>(w.dim()), 1);
  shape[0] = -1;
  const auto type = w.scalar_type();
  torch::jit::push(stack, w * factor.view(shape).to(type), bias.to(type));
}

const torch::jit::RegisterOperators live_folding({
    torch::jit::Operator("attune::fold(Tensor w, Tensor? b, Tensor? scale, Tensor? shift, Tensor mean, Tensor var, "
                         "float eps) -> (Tensor, Tensor)",
                         run_fold, c10::AliasAnalysisKind::FROM_SCHEMA),
});

// The batch norm that alone reads the values of a convolution; checks may read its shape.
Node* norm_behind(const Node* convolution) {
  Node* norm = nullptr;
  for (const auto& use : convolution->output()->uses()) {
    if (use.user->kind() == c10::aten::dim || use.user->kind() == c10::aten::size) continue;
    const bool same_block = use.user->owningBlock() == convolution->owningBlock();
    if (norm != nullptr || use.offset != 0 || !same_block || !is_constant_norm(use.user)) return nullptr;
    norm = use.user;
  }
  return norm;
}

// Attributes and constants may be read earlier than they are.
bool move_before(Value* value, Node* node) {
  Node* made = value->node();
  if (made->kind() == c10::prim::Param || made->isBefore(node)) return true;
  if (made->kind() != c10::prim::GetAttr && made->kind() != c10::prim::Constant) return false;
  for (Value* input : made->inputs()) {
    if (!move_before(input, node)) return false;
  }
  made->moveBefore(node);
  return true;
}

}  // namespace

bool is_constant_norm(const Node* node) {
  if (node->kind() != c10::aten::batch_norm || node->input(3)->mustBeNone()) return false;
  const auto training = torch::jit::constant_as<bool>(node->input(5));
  return training.has_value() && !*training;
}

void fold_norm_behind(Node* convolution) {
  Node* norm = norm_behind(convolution);
  if (norm == nullptr) return;
  for (const size_t i : std::initializer_list<size_t>{1, 2, 3, 4, 7}) {
    if (!move_before(norm->input(i), convolution)) return;
  }
  Graph& graph = *convolution->owningGraph();
  Node* fold = graph.create(fold_symbol,
                            {convolution->input(1), convolution->input(2), norm->input(1), norm->input(2),
                             norm->input(3), norm->input(4), norm->input(7)},
                            2);
  fold->insertBefore(convolution);
  for (size_t i = 0; i < 2; ++i) convolution->replaceInput(i + 1, fold->output(i));
  norm->output()->replaceAllUsesWith(convolution->output());
  norm->destroy();
}

}  // namespace attune
