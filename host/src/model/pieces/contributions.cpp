// Linear layers that hand their relevance on by rules (LinearRule of attune/sdk/rules.h): what they are the sum of.

#include <torch/csrc/jit/ir/constants.h>
#include <vector>

#include "model/graph/operators.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

// max(x, 0) or min(x, 0).
Value* part_of(Graph& graph, Value* x, bool positive) {
  const c10::Symbol symbol = positive ? c10::aten::clamp_min : c10::aten::clamp_max;
  return insert(graph, symbol, {x, graph.insertConstant(0.0)}, x->type());
}

Value* zeros_like(Graph& graph, Value* x) {
  std::vector<Value*> inputs{x};
  for (int option = 0; option < 5; ++option) inputs.push_back(graph.insertConstant(c10::IValue()));
  return insert(graph, c10::Symbol::fromQualString("aten::zeros_like"), inputs, x->type());
}

// The layer's positive contributions, or its negative ones: products of two numbers of one sign, or of either, and the
// part of the bias that is of the sign asked for.
Value* sum_of_contributions(Node* layer, bool positive) {
  Graph& graph = *layer->owningGraph();
  const bool bias_first = layer->kind() == c10::aten::addmm;
  const size_t first = bias_first ? 1 : 0, bias = bias_first ? 0 : 2;
  std::vector<Value*> sums;
  for (const bool positive_argument : {true, false}) {
    std::vector<Value*> inputs = layer->inputs().vec();
    inputs[first] = part_of(graph, inputs[first], positive_argument);
    inputs[first + 1] = part_of(graph, inputs[first + 1], positive_argument == positive);
    const bool is_tensor = bias < inputs.size() && inputs[bias]->type()->isSubtypeOf(*c10::TensorType::get());
    if (is_tensor) {
      inputs[bias] = positive_argument ? part_of(graph, inputs[bias], positive) : zeros_like(graph, inputs[bias]);
    }
    sums.push_back(insert(graph, layer->kind(), inputs, layer->output()->type()));
  }
  return insert(graph, c10::aten::add, {sums[0], sums[1], graph.insertConstant(int64_t{1})}, layer->output()->type());
}

void open(Node* mark, bool gradients) {
  Graph& graph = *mark->owningGraph();
  Value *y = mark->input(0), *rule = mark->input(1);
  const c10::IValue kind = *torch::jit::toIValue(mark->input(2)), value = *torch::jit::toIValue(mark->input(3));
  mark->output()->replaceAllUsesWith(y);
  mark->destroy();
  if (!gradients) return;
  Node* layer = y->node();
  if (is_plain_convolution(layer)) fold_norm_behind(layer);
  torch::jit::WithInsertPoint point(layer->next());
  Value* none = graph.insertConstant(c10::IValue());
  Value* p = kind.toInt() == LinearRule::epsilon ? none : sum_of_contributions(layer, true);
  Value* n = kind.toInt() == LinearRule::alpha_beta ? sum_of_contributions(layer, false) : none;
  Value* made = insert(graph, contributions_symbol,
                       {y, p, n, rule, graph.insertConstant(kind), graph.insertConstant(value)}, y->type());
  y->replaceAllUsesAfterNodeWith(made->node(), made);
}

}  // namespace

void open_contributions(const LayeredGraph& graph, bool gradients) {
  const auto is_mark = [](const Node* node) { return node->kind() == linear_symbol; };
  for (Node* mark : nodes_where(graph->block(), is_mark)) open(mark, gradients);
}

}  // namespace attune
