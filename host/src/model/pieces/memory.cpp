#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>

#include "model/graph/operators.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

// --- overwriting what nobody else reads

bool makes_a_new_tensor(const Node* node) {
  static const auto fresh =
      words("conv1d conv2d conv3d _convolution batch_norm add linear convolve convolve_packed normalise accumulate");
  return is_one_of(node, fresh);
}

// `readers` nodes of `block` read the value, all of them about to be replaced.
bool may_be_overwritten(const Value* value, size_t readers, const Block* block) {
  return value->uses().size() == readers && makes_a_new_tensor(value->node()) && value->node()->owningBlock() == block;
}

// A sum that is made for the rectifier alone: both in one.
bool takes_sum(Node* relu) {
  const Node* sum = relu->input()->node();
  return sum->kind() == accumulate_symbol && torch::jit::constant_as<c10::Scalar>(sum->input(2)).has_value() &&
         torch::jit::constant_as<c10::Scalar>(sum->input(2))->equal(1);
}

void overwrite_in_relu(Node* relu) {
  if (!may_be_overwritten(relu->input(), 1, relu->owningBlock())) return;
  if (takes_sum(relu)) {
    Node* sum = relu->input()->node();
    replace_by(relu, relu->owningGraph()->create(accumulate_rectified_symbol, {sum->input(0), sum->input(1)}));
    sum->destroy();
    return;
  }
  replace_by(relu, relu->owningGraph()->create(c10::Symbol::fromQualString("aten::relu_"), {relu->input()}));
}

void fuse_with_relu(Node* gate) {
  Node* relu = gate->input(1)->node();
  if (relu->kind() != c10::aten::relu || relu->output()->uses().size() != 1) return;
  Graph& graph = *gate->owningGraph();
  Value* x = relu->input();
  torch::jit::WithInsertPoint point(relu);
  Value* in_place = graph.insertConstant(may_be_overwritten(x, 2, gate->owningBlock()));
  replace_by(gate, graph.create(rectify_symbol, {x, gate->input(2), in_place}));
  relu->destroy();
}

// The residual connection's `out += identity`.
void overwrite_in_add(Node* add) {
  const auto is_tensor = [](const Value* v) { return v->type()->isSubtypeOf(*c10::TensorType::get()); };
  if (add->inputs().size() != 3 || !is_tensor(add->input(0)) || !is_tensor(add->input(1))) return;
  if (!may_be_overwritten(add->input(0), 1, add->owningBlock())) return;
  replace_by(add, add->owningGraph()->create(accumulate_symbol, add->inputs()));
}

void overwrite_in(Node* node) {
  if (node->kind() == gate_symbol) {
    fuse_with_relu(node);
  } else if (node->kind() == c10::aten::relu && node->next()->kind() != gate_symbol) {
    overwrite_in_relu(node);
  } else if (node->kind() == c10::aten::add) {
    overwrite_in_add(node);
  }
}

// --- activations channels last

// Numbers, strings, and lists of them.
bool holds_no_tensor(const Value* value) {
  const auto& type = value->type();
  const auto inner = type->kind() == c10::TypeKind::ListType ? type->containedTypes()[0] : type;
  return !inner->isSubtypeOf(*c10::TensorType::get()) && inner->kind() != c10::TypeKind::AnyType;
}

// Operators that give the same values for any strides; a `view` may refuse some.
bool takes_either_order(const Node* node) {
  static const auto known = words(
      "_convolution activation adaptive_avg_pool2d add add_ avg_pool2d batch_norm cat clamp clamp_min clone conv2d dim "
      "div "
      "dropout elu flatten gate gelu hardsigmoid hardswish hardtanh hardtanh_ leaky_relu linear matmul max_pool2d mean "
      "mul "
      "mul_ pow relu relu6 relu_ reshape rule select sigmoid silu size slice softplus square sub t tanh unsqueeze "
      "upsample_bilinear2d upsample_nearest2d");
  if (node->kind().is_prim()) return node->blocks().empty() || is_check(node);
  const auto inputs = node->inputs();
  return std::all_of(inputs.begin(), inputs.end(), holds_no_tensor) || is_one_of(node, known);
}

bool is_convolution_2d(const Node* node) {
  return node->kind() == c10::aten::conv2d || node->kind() == c10::aten::_convolution;
}

void make_contiguous(torch::jit::Graph& graph, size_t output) {
  Value* value = graph.outputs()[output];
  if (!value->type()->isSubtypeOf(*c10::TensorType::get())) return;
  Value* format = graph.insertConstant(static_cast<int64_t>(at::MemoryFormat::Contiguous));
  graph.block()->replaceOutput(output, insert(graph, c10::aten::contiguous, {value, format}, value->type()));
}

}  // namespace

void work_in_place(const LayeredGraph& graph) { for_each_node(graph->block(), overwrite_in); }

bool takes_channels_last(const LayeredGraph& graph) {
  const auto nodes = graph->nodes();
  return std::any_of(nodes.begin(), nodes.end(), is_convolution_2d) &&
         std::all_of(nodes.begin(), nodes.end(), takes_either_order);
}

void return_contiguous(const LayeredGraph& graph, size_t count) {
  for (size_t i = 0; i < count; ++i) make_contiguous(*graph, i);
}

}  // namespace attune
