// ONNX's activations and arithmetic. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_elementwise_source = R"py(
def LeakyRelu(X, alpha: float = 0.01):
    return torch.leaky_relu(X, alpha)

def PRelu(X, slope, rank: int = 0, second: List[int] = []):
    single = len(second) == rank - 1
    if single:
        for i in range(1, len(second)):
            single = single and second[i] == 1
    if single:
        Y = torch.prelu(X, slope.flatten())
    else:
        Y = torch.relu(X) - slope * torch.relu(-X)
    return Y

def Elu(X, alpha: float = 1.0):
    return torch.elu(X, alpha)

def Selu(X, alpha: float = 1.6732632, gamma: float = 1.0507010):
    if abs(alpha - 1.6732632) < 1e-5 and abs(gamma - 1.0507010) < 1e-5:
        return torch.selu(X)
    return torch.elu(X, alpha, gamma)

def Celu(X, alpha: float = 1.0):
    return torch.celu(X, alpha)

def ThresholdedRelu(X, alpha: float = 1.0):
    return torch.threshold(X, alpha, 0.0)

def Clip(input, min: Optional[float] = None, max: Optional[float] = None):
    if min is not None and max is None and min == 0.0:
        Y = torch.relu(input)
    elif min is not None and max is not None and min == 0.0 and max == 6.0:
        Y = torch.relu6(input)
    elif min is not None or max is not None:
        Y = torch.clamp(input, min, max)
    else:
        Y = input
    return Y

def HardSigmoid(X, alpha: float = 0.2, beta: float = 0.5):
    if abs(alpha - 1.0 / 6.0) < 1e-5 and beta == 0.5:
        return torch.hardsigmoid(X)
    return torch.clamp(X * alpha + beta, 0.0, 1.0)

def Softplus(X):
    return torch.softplus(X)

def Softsign(input):
    return input / (torch.abs(input) + 1.0)

def Gelu(X, approximate: str = "none"):
    return torch.gelu(X, approximate=approximate)

def QuickGelu(X, alpha: float = 1.702):
    return X * torch.sigmoid(X * alpha)

def FastGelu(X, bias: Optional[Tensor] = None):
    if bias is not None:
        X = X + bias
    return torch.gelu(X, approximate="tanh")

def softmax_axis(axis: Optional[int], opset: int, rank: int):
    if axis is None:
        axis = -1 if opset >= 13 else 1
    if axis < 0:
        axis = axis + rank
    return axis

def normalised(input, axis: int, log: bool):
    return torch.log_softmax(input, axis) if log else torch.softmax(input, axis)

def softmax_from(input, axis: int, opset: int, rank: int, log: bool):
    if opset >= 13 or axis == rank - 1:
        Y = normalised(input, axis, log)
    else:
        Y = normalised(input.flatten(axis), axis, log).reshape(input.size())
    return Y

def Softmax(input, axis: Optional[int] = None, opset: int = 13, rank: int = 0):
    return softmax_from(input, softmax_axis(axis, opset, rank), opset, rank, False)

def LogSoftmax(input, axis: Optional[int] = None, opset: int = 13, rank: int = 0):
    return softmax_from(input, softmax_axis(axis, opset, rank), opset, rank, True)

def Max(data: List[Tensor]):
    Y = data[0]
    for i in range(1, len(data)):
        Y = torch.maximum(Y, data[i])
    return Y

def Min(data: List[Tensor]):
    Y = data[0]
    for i in range(1, len(data)):
        Y = torch.minimum(Y, data[i])
    return Y

def Sum(data: List[Tensor]):
    Y = data[0]
    for i in range(1, len(data)):
        Y = Y + data[i]
    return Y

def Mean(data: List[Tensor]):
    return Sum(data) / len(data)

def Mod(A, B, fmod: int = 0):
    return torch.fmod(A, B) if fmod == 1 else torch.remainder(A, B)

def Where(condition, X, Y):
    return torch.where(condition, X, Y)

def Cast(input, to: int, saturate: int = 1):
    return input.to(to)

def CastLike(input, target, saturate: int = 1):
    return input.to(target.dtype)

def CumSum(x, axis: int, exclusive: int = 0, reverse: int = 0):
    if reverse == 1:
        x = torch.flip(x, [axis])
    y = torch.cumsum(x, axis)
    if exclusive == 1:
        y = y - x
    return torch.flip(y, [axis]) if reverse == 1 else y
)py";

}  // namespace attune
