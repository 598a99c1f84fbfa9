// ONNX's operators in TorchScript: a function for each takes the operator's inputs in their order, then its attributes
// by name with their defaults. What became an input in a later opset has the attribute's name, so that it may come as
// either. Of what is known when the graph is built a function may ask by name too:
//   rank, ranks: axes of the first input, of all; integrals: 1 for inputs of integers or booleans; opset; outputs: how
//   many; used: how many of them are, up to the last; first: the sizes of the first input where it is a constant or a
//   parameter, else None; second: those of the second, else []; varies: 1 where the first input depends on the model's
//   input; like: that, for its type and device
// What is decided by constants is decided then, and a `raise` that is reached refuses the model.
#include "formats/onnx/functions/functions.h"

#include "formats/onnx/operators.h"

namespace attune {
namespace {

const char* const helpers = R"py(
def filled(values: List[int], n: int):
    if len(values) == 0:
        return [1] * n
    return values

def around(pads: List[int], n: int):
    turned: List[int] = []
    for i in range(n):
        turned.append(pads[n - 1 - i])
        turned.append(pads[2 * n - 1 - i])
    return turned

def padding_of(x, kernel: List[int], strides: List[int], dilations: List[int], pads: List[int], auto_pad: str, n: int):
    small: List[int] = []
    big: List[int] = []
    for i in range(n):
        total = (kernel[i] - 1) * dilations[i]
        if strides[i] > 1:
            size = x.size(2 + i)
            total = max((size - 1) // strides[i] * strides[i] + total + 1 - size, 0)
        small.append(total // 2)
        big.append(total - total // 2)
    if auto_pad == "SAME_UPPER":
        pads = small + big
    elif auto_pad == "SAME_LOWER":
        pads = big + small
    elif auto_pad == "VALID" or len(pads) == 0:
        pads = [0] * (2 * n)
    return pads

def is_even(strides: List[int], pads: List[int], auto_pad: str, n: int):
    if (auto_pad == "SAME_UPPER" or auto_pad == "SAME_LOWER") and max(strides) > 1:
        return False
    return pads[:n] == pads[n:]

def axes_of(axes: Optional[List[int]], rank: int, noop: int):
    every: List[int] = []
    for i in range(rank):
        every.append(i)
    if axes is None:
        return every
    if len(axes) == 0 and noop == 0:
        return every
    return axes

def spatial(rank: int):
    axes: List[int] = []
    for i in range(2, rank):
        axes.append(i)
    return axes
)py";

// Those over axes are alike.
std::string reductions() {
  static const std::pair<const char*, const char*> table[] = {{"Mean", "torch.mean(data, over, keep)"},
                                                              {"Sum", "torch.sum(data, over, keep)"},
                                                              {"Max", "torch.amax(data, over, keep)"},
                                                              {"Min", "torch.amin(data, over, keep)"},
                                                              {"L1", "torch.sum(torch.abs(data), over, keep)"},
                                                              {"L2", "torch.norm(data, 2, over, keep)"},
                                                              {"LogSum", "torch.log(torch.sum(data, over, keep))"},
                                                              {"LogSumExp", "torch.logsumexp(data, over, keep)"},
                                                              {"SumSquare", "torch.sum(data * data, over, keep)"},
                                                              {"Prod", "product(data, over, rank, keep)"}};
  std::string text = R"py(
def product(data, axes: List[int], rank: int, keep: bool):
    order = in_order(axes, rank)
    for i in range(len(order)):
        data = torch.prod(data, order[len(order) - 1 - i], keep)
    return data
)py";
  for (const auto& [name, call] : table) {
    text += std::string("\ndef Reduce") + name +
            "(data, axes: Optional[List[int]] = None, keepdims: int = 1, noop_with_empty_axes: int = 0, rank: int = 0):"
            "\n    keep = keepdims == 1\n    over = axes_of(axes, rank, noop_with_empty_axes)"
            "\n    if len(over) == 0:\n        return data\n    return " +
            call + "\n";
  }
  return text;
}

}  // namespace

torch::jit::GraphFunction* onnx_function(const std::string& op) {
  static const OperatorFunctions functions =
      compile_functions((std::string(helpers) + onnx_convolutions_source + onnx_layers_source + onnx_sequences_source +
                         onnx_elementwise_source + onnx_shapes_source + onnx_resizing_source + reductions())
                            .c_str());
  auto* function = functions->find_function(c10::QualifiedName(op));
  return function == nullptr ? nullptr : &torch::jit::toGraphFunction(*function);
}

}  // namespace attune
