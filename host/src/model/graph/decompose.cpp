#include <algorithm>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/lower_tuples.h>

#include <attune/sdk/error.h>

#include "model/graph/compat.h"
#include "model/graph/graph.h"

namespace attune {
namespace {

using torch::jit::CompilationUnit;

// Functions of the operators' names, which take the operators' arguments.
const char* const fused_operators = R"(
def heads(x, number: int):
    return x.reshape([x.size(0), x.size(1), number, -1]).transpose(1, 2)

def _native_multi_head_attention(query, key, value, width: int, number: int, weight, bias, proj_weight, proj_bias,
                                 mask: Optional[Tensor], need_weights: bool, average: bool, mask_type: Optional[int]):
    q = heads(torch.linear(query, weight[:width], bias[:width]), number)
    k = heads(torch.linear(key, weight[width:2 * width], bias[width:2 * width]), number)
    v = heads(torch.linear(value, weight[2 * width:], bias[2 * width:]), number)
    shares = torch.softmax(torch.matmul(q * float(width // number) ** -0.5, k.transpose(-2, -1)), -1)
    y = torch.linear(torch.matmul(shares, v).transpose(1, 2).flatten(2), proj_weight, proj_bias)
    if average:
        shares = torch.mean(shares, [1])
    return y, shares

def _transformer_encoder_layer_fwd(x, width: int, number: int, qkv_weight, qkv_bias, proj_weight, proj_bias, gelu: bool,
                                   norm_first: bool, eps: float, norm1_weight, norm1_bias, norm2_weight, norm2_bias,
                                   weight1, bias1, weight2, bias2, mask: Optional[Tensor], mask_type: Optional[int]):
    y = x
    if norm_first:
        y = torch.layer_norm(x, [width], norm1_weight, norm1_bias, eps)
    y = x + _native_multi_head_attention(y, y, y, width, number, qkv_weight, qkv_bias, proj_weight, proj_bias, None,
                                         False, False, None)[0]
    x = torch.layer_norm(y, [width], norm2_weight, norm2_bias, eps)
    if not norm_first:
        y = torch.layer_norm(y, [width], norm1_weight, norm1_bias, eps)
        x = y
    x = torch.linear(x, weight1, bias1)
    if gelu:
        x = torch.gelu(x)
    else:
        x = torch.relu(x)
    x = y + torch.linear(x, weight2, bias2)
    if not norm_first:
        x = torch.layer_norm(x, [width], norm2_weight, norm2_bias, eps)
    return x

def channel_shuffle(x, groups: int):
    return x.reshape([x.size(0), groups, x.size(1) // groups, -1]).transpose(1, 2).reshape(x.size())
)";

const char* const once_differentiable = R"(
def hardsigmoid(x):
    return torch.clamp(x + 3.0, 0.0, 6.0) / 6.0

def cdist(a, b, p: float, mode: Optional[int]):
    return torch.norm(a.unsqueeze(-2) - b.unsqueeze(-3), p, [-1])

def position(g, size: int, padding: int, align: bool):
    low, high = -0.5, float(size) - 0.5
    if align:
        low, high = 0.0, float(size) - 1.0
    at = (g + 1.0) * ((high - low) / 2.0) + low
    if padding == 2 and high > low:
        distance = torch.abs(at - low)
        turns = torch.floor(distance / (high - low)).detach()
        rest = distance - turns * (high - low)
        at = torch.where(turns % 2 == 0, rest + low, high - rest)
    if padding != 0:
        at = torch.clamp(at, 0.0, float(size) - 1.0)
    return at

def grid_sampler(x, grid, mode: int, padding: int, align: bool):
    axes = x.dim() - 2
    values = x.flatten(2)
    shape = [x.size(0), x.size(1)]
    shape.extend(grid.size()[1:-1])
    corners = 1
    if mode == 0:
        corners = 1 << axes
    sum = torch.zeros(shape, dtype=x.dtype, device=x.device)
    for corner in range(corners):
        weight = torch.ones_like(grid[..., 0])
        index = torch.zeros_like(weight, dtype=4)
        for axis in range(axes):
            size = x.size(2 + axis)
            at = position(grid[..., axes - 1 - axis], size, padding, align)
            if mode != 0:
                cell = torch.round(at).detach()
            elif (corner >> axis) & 1 == 0:
                cell = torch.floor(at).detach()
                weight = weight * (1.0 - (at - cell))
            else:
                cell = torch.floor(at).detach()
                weight = weight * (at - cell)
                cell = cell + 1.0
            weight = weight * ((cell >= 0) & (cell < size))
            index = index * size + torch.clamp(cell, 0.0, float(size) - 1.0).to(4)
        places = index.flatten(1).unsqueeze(1).expand([-1, x.size(1), -1])
        sum = sum + values.gather(2, places).reshape(shape) * weight.unsqueeze(1)
    return sum

def grid_sampler_2d(x, grid, mode: int, padding: int, align: bool):
    return grid_sampler(x, grid, mode, padding, align)

def grid_sampler_3d(x, grid, mode: int, padding: int, align: bool):
    return grid_sampler(x, grid, mode, padding, align)
)";

// `torch.` and `attune.` are operators.
struct OwnResolver final : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& function,
                                                         const torch::jit::SourceRange& place) override {
    if (name == "attune") return std::make_shared<torch::jit::BuiltinModule>(name);
    return NativeResolver::resolveValue(name, function, place);
  }
};

bool takes_rule(const Graph& function) {
  return !function.inputs().empty() && function.inputs().back()->type()->kind() == c10::TypeKind::CapsuleType;
}

std::shared_ptr<Graph> function_for(const Node* node, const OperatorFunctions& functions) {
  if (!node->kind().is_aten()) return nullptr;
  auto* function = functions->find_function(c10::QualifiedName(node->kind().toUnqualString()));
  if (function == nullptr) return nullptr;
  const auto graph = torch::jit::toGraphFunction(*function).graph();
  const size_t inputs = node->inputs().size() + (takes_rule(*graph) ? 1 : 0);
  return graph->inputs().size() == inputs ? graph : nullptr;
}

// Grid sampling by cubic interpolation stays what it is.
bool is_cubic(const Node* node) {
  return node->hasNamedInput("interpolation_mode") &&
         torch::jit::constant_as<int64_t>(node->namedInput("interpolation_mode")).value_or(2) == 2;
}

void refuse_mask(const Node* node) {
  if (!node->hasNamedInput("mask") || node->namedInput("mask")->mustBeNone()) return;
  throw Error(Fault::input, std::string("the model uses ") + node->kind().toUnqualString() +
                                " with a mask, a fused operator without gradient; export the model again outside of "
                                "torch.no_grad(), with parameters that require gradients");
}

void replace_by_function(Node* node, const Graph& function) {
  Graph& graph = *node->owningGraph();
  torch::jit::WithInsertPoint point(node);
  torch::jit::WithCurrentScope scope(graph, node->scope());
  std::vector<Value*> inputs = node->inputs().vec();
  if (takes_rule(function)) inputs.push_back(graph.inputs()[1]);
  std::vector<Value*> values = torch::jit::insertGraph(graph, const_cast<Graph&>(function), inputs);
  if (node->outputs().size() > 1) {
    Node* unpack = graph.insertNode(graph.createTupleUnpack(values[0]));
    values.assign(unpack->outputs().begin(), unpack->outputs().end());
  }
  for (size_t i = 0; i < node->outputs().size(); ++i) node->output(i)->replaceAllUsesWith(values[i]);
  node->destroy();
}

bool calls_fused(const Block* block) {
  static const auto fused = words("_native_multi_head_attention _transformer_encoder_layer_fwd");
  const auto nodes = block->nodes();
  return std::any_of(nodes.begin(), nodes.end(), [](const Node* node) { return is_one_of(node, fused); });
}

}  // namespace

OperatorFunctions compile_functions(const char* source) {
  auto functions = std::make_shared<CompilationUnit>();
  functions->define({}, source, std::make_shared<OwnResolver>(), nullptr);
  for (auto* function : functions->get_functions()) torch::jit::Inline(*torch::jit::toGraphFunction(*function).graph());
  return functions;
}

bool open_operators(Block* block, const OperatorFunctions& functions) {
  bool opened = false;
  for_each_node(block, [&](Node* node) {
    const auto function = function_for(node, functions);
    if (!function || is_cubic(node)) return;
    refuse_mask(node);
    replace_by_function(node, *function);
    opened = true;
  });
  return opened;
}

void avoid_fused_paths(LayeredGraph& graph) {
  for_each_node(graph->block(), [&](Node* node) {
    if (node->kind() != c10::prim::If || calls_fused(node->blocks()[0]) == calls_fused(node->blocks()[1])) return;
    torch::jit::WithInsertPoint point(node);
    node->replaceInput(0, graph->insertConstant(calls_fused(node->blocks()[1])));
  });
}

void open_fused_operators(LayeredGraph& graph) {
  static const OperatorFunctions functions = compile_functions(fused_operators);
  open_operators(graph->block(), functions);
}

void transpose_in_float32(LayeredGraph& graph) {
  const auto is_transposed = [](const Node* node) {
    static const auto names = words("conv_transpose1d conv_transpose2d conv_transpose3d");
    if (node->kind() == c10::aten::_convolution) return torch::jit::constant_as<bool>(node->input(6)) != false;
    return node->kind().is_aten() && is_one_of(node, names);
  };
  for (Node* node : nodes_where(graph->block(), is_transposed)) {
    torch::jit::WithInsertPoint before(node);
    Value* const x = node->input(0);
    for (size_t i = 0; i < 3; ++i) {
      if (!node->input(i)->mustBeNone())
        node->replaceInput(i, graph->insert(c10::aten::to, {node->input(i), at::kFloat}));
    }
    torch::jit::WithInsertPoint behind(node->next());
    Value* rounded = graph->insert(c10::Symbol::fromQualString("aten::type_as"), {node->output(), x});
    node->output()->replaceAllUsesAfterNodeWith(rounded->node(), rounded);
  }
}

void open_once_differentiable(const LayeredGraph& graph) {
  static const OperatorFunctions functions = compile_functions(once_differentiable);
  for (Node* node : nodes_where(graph->block(), is_fused_attention)) open_fused_attention(node);
  if (!open_operators(graph->block(), functions)) return;
  auto opened = graph;
  torch::jit::ConstantPropagation(opened);
  torch::jit::LowerSimpleTuples(opened);
}

}  // namespace attune
