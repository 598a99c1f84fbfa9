// ONNX's norms and products. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_layers_source = R"py(
def BatchNormalization(X, scale, B, input_mean, input_var, epsilon: float = 1e-5, momentum: float = 0.9,
                       spatial: int = 1, training_mode: int = 0, used: int = 1, varies: int = 1):
    if spatial == 0:
        raise AssertionError("it has statistics for every position (spatial=0)")
    if used > 1 or (training_mode == 1 and varies == 1):
        raise AssertionError("it was exported in training mode; export the model with model.eval()")
    if training_mode == 1:
        return torch.batch_norm(X, scale, B, None, None, True, 0.1, epsilon, False)
    return torch.batch_norm(X, scale, B, input_mean, input_var, False, 0.1, epsilon, False)

def InstanceNormalization(input, scale, B, epsilon: float = 1e-5):
    return torch.instance_norm(input, scale, B, None, None, True, 0.1, epsilon, False)

def LayerNormalization(X, Scale, B: Optional[Tensor] = None, axis: int = -1, epsilon: float = 1e-5,
                       stash_type: int = 1, rank: int = 0, second: List[int] = [], used: int = 1):
    if used > 1:
        raise AssertionError("its statistics are not made here")
    if axis < 0:
        axis = axis + rank
    if len(second) == rank - axis:
        Y = torch.layer_norm(X, second, Scale, B, epsilon, False)
    else:
        Y = torch.layer_norm(X, X.size()[axis:], None, None, epsilon, False) * Scale
        if B is not None:
            Y = Y + B
    return Y

def GroupNormalization(X, scale, bias, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1, opset: int = 21):
    if opset < 21:
        each = X.size(1) // num_groups
        scale = torch.repeat_interleave(scale, each)
        bias = torch.repeat_interleave(bias, each)
    return torch.group_norm(X, num_groups, scale, bias, epsilon, False)

def LRN(X, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0):
    squares = torch.constant_pad_nd((X * X).flatten(2).unsqueeze(1), [0, 0, (size - 1) // 2, size // 2], 0)
    means = torch.avg_pool2d(squares, [size, 1], [1, 1]).squeeze(1).reshape(X.size())
    return X / torch.pow(means * alpha + bias, beta)

def MeanVarianceNormalization(X, axes: List[int] = [0, 2, 3]):
    centred = X - torch.mean(X, axes, True)
    return centred / (torch.sqrt(torch.mean(centred * centred, axes, True)) + 1e-9)

def LpNormalization(input, axis: int = -1, p: int = 2):
    return input / torch.norm(input, p, [axis], True)

def Linear(X, W, B: Optional[Tensor] = None):
    return torch.linear(X, torch.t(W), B)

def Gemm(A, B, C: Optional[Tensor] = None, alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0,
         ranks: List[int] = []):
    if transA == 1:
        A = torch.t(A)
    if transB == 0:
        B = torch.t(B)
    if alpha != 1.0:
        B = B * alpha
    if C is not None:
        if beta != 1.0:
            C = C * beta
        if ranks[2] == 1:
            Y = torch.linear(A, B, C)
        else:
            Y = torch.linear(A, B, None) + C
    else:
        Y = torch.linear(A, B, None)
    return Y

def Einsum(Inputs: List[Tensor], equation: str):
    return torch.einsum(equation, Inputs)
)py";

}  // namespace attune
