// ONNX's operators in TorchScript: a function for each takes the operator's inputs in their order, then its attributes
// by name with their defaults. What became an input in a later opset has the attribute's name, so that it may come as
// either. Of what is known when the graph is built a function may ask by name too:
//   rank, ranks: axes of the first input, of all; second: the sizes of the second input where it is a parameter, else
//   [] opset, outputs (how many), like (the model's input: its type and device)
// What is decided by constants is decided then, and a `raise` that is reached refuses the model.
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

def parts_of(indices, n: int):
    parts: List[Optional[Tensor]] = []
    for i in range(n):
        parts.append(indices.select(-1, i))
    return parts
)py";

const char* const layers = R"py(
def Conv(X, W, B: Optional[Tensor] = None, auto_pad: str = "NOTSET", dilations: List[int] = [], group: int = 1,
         kernel_shape: List[int] = [], pads: List[int] = [], strides: List[int] = [], rank: int = 0,
         second: List[int] = []):
    n = rank - 2
    strides, dilations = filled(strides, n), filled(dilations, n)
    if len(second) > 0:
        kernel_shape = second[2:]
    pads = padding_of(X, filled(kernel_shape, n), strides, dilations, pads, auto_pad, n)
    padding = [0] * n
    if is_even(strides, pads, auto_pad, n):
        padding = pads[:n]
    else:
        X = torch.constant_pad_nd(X, around(pads, n), 0)
    if n == 1:
        Y = torch.conv1d(X, W, B, strides, padding, dilations, group)
    elif n == 2:
        Y = torch.conv2d(X, W, B, strides, padding, dilations, group)
    else:
        Y = torch.conv3d(X, W, B, strides, padding, dilations, group)
    return Y

def ConvTranspose(X, W, B: Optional[Tensor] = None, auto_pad: str = "NOTSET", dilations: List[int] = [],
                  group: int = 1, kernel_shape: List[int] = [], output_padding: List[int] = [],
                  output_shape: List[int] = [], pads: List[int] = [], strides: List[int] = [], rank: int = 0,
                  second: List[int] = []):
    n = rank - 2
    strides, dilations = filled(strides, n), filled(dilations, n)
    if len(second) > 0:
        kernel_shape = second[2:]
    kernel_shape = filled(kernel_shape, n)
    if len(output_padding) == 0:
        output_padding = [0] * n
    same = auto_pad == "SAME_UPPER" or auto_pad == "SAME_LOWER"
    if same or len(output_shape) > 0:
        small: List[int] = []
        big: List[int] = []
        for i in range(n):
            size = X.size(2 + i)
            wanted = size * strides[i]
            if len(output_shape) > 0:
                wanted = output_shape[len(output_shape) - n + i]
            total = (size - 1) * strides[i] + output_padding[i] + (kernel_shape[i] - 1) * dilations[i] + 1 - wanted
            small.append(total // 2)
            big.append(total - total // 2)
        if auto_pad == "SAME_UPPER":
            pads = small + big
        else:
            pads = big + small
    elif auto_pad == "VALID" or len(pads) == 0:
        pads = [0] * (2 * n)
    padding = [0] * n
    even = False
    if not (same or len(output_shape) > 0):
        even = pads[:n] == pads[n:]
    if even:
        padding = pads[:n]
    if n == 1:
        Y = torch.conv_transpose1d(X, W, B, strides, padding, output_padding, group, dilations)
    elif n == 2:
        Y = torch.conv_transpose2d(X, W, B, strides, padding, output_padding, group, dilations)
    else:
        Y = torch.conv_transpose3d(X, W, B, strides, padding, output_padding, group, dilations)
    if not even:
        crop: List[int] = []
        for p in range(2 * n):
            crop.append(-pads[p])
        Y = torch.constant_pad_nd(Y, around(crop, n), 0)
    return Y

def MaxPool(X, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: List[int] = [], kernel_shape: List[int] = [],
            pads: List[int] = [], storage_order: int = 0, strides: List[int] = [], rank: int = 0, outputs: int = 1):
    if outputs > 1:
        raise AssertionError("its second output, the places of the maxima, is not made here")
    n = rank - 2
    strides, dilations = filled(strides, n), filled(dilations, n)
    pads = padding_of(X, kernel_shape, strides, dilations, pads, auto_pad, n)
    padding = [0] * n
    even = is_even(strides, pads, auto_pad, n)
    if even:
        for i in range(n):
            even = even and 2 * pads[i] <= kernel_shape[i]
    if even:
        padding = pads[:n]
    else:
        X = torch.constant_pad_nd(X, around(pads, n), float("-inf"))
    if n == 1:
        Y = torch.max_pool1d(X, kernel_shape, strides, padding, dilations, ceil_mode == 1)
    elif n == 2:
        Y = torch.max_pool2d(X, kernel_shape, strides, padding, dilations, ceil_mode == 1)
    else:
        Y = torch.max_pool3d(X, kernel_shape, strides, padding, dilations, ceil_mode == 1)
    return Y

def average(X, kernel: List[int], strides: List[int], padding: List[int], ceil: bool, count_pads: bool, n: int):
    if n == 1:
        Y = torch.avg_pool1d(X, kernel, strides, padding, ceil, count_pads)
    elif n == 2:
        Y = torch.avg_pool2d(X, kernel, strides, padding, ceil, count_pads)
    else:
        Y = torch.avg_pool3d(X, kernel, strides, padding, ceil, count_pads)
    return Y

def AveragePool(X, auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0, dilations: List[int] = [],
                kernel_shape: List[int] = [], pads: List[int] = [], strides: List[int] = [], rank: int = 0):
    n = rank - 2
    strides, dilations = filled(strides, n), filled(dilations, n)
    if max(dilations) > 1:
        raise AssertionError("it has dilations")
    pads = padding_of(X, kernel_shape, strides, dilations, pads, auto_pad, n)
    count = count_include_pad == 1
    even = is_even(strides, pads, auto_pad, n)
    if even:
        for i in range(n):
            even = even and 2 * pads[i] <= kernel_shape[i]
    if even:
        Y = average(X, kernel_shape, strides, pads[:n], ceil_mode == 1, count, n)
    else:
        Y = average(torch.constant_pad_nd(X, around(pads, n), 0), kernel_shape, strides, [0] * n, ceil_mode == 1, count, n)
        if not count:
            ones = torch.constant_pad_nd(torch.ones_like(X), around(pads, n), 0)
            Y = Y / average(ones, kernel_shape, strides, [0] * n, ceil_mode == 1, count, n)
    return Y

def LpPool(X, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: List[int] = [], kernel_shape: List[int] = [],
           p: int = 2, pads: List[int] = [], strides: List[int] = [], rank: int = 0):
    n = rank - 2
    strides, dilations = filled(strides, n), filled(dilations, n)
    if max(dilations) > 1:
        raise AssertionError("it has dilations")
    pads = padding_of(X, kernel_shape, strides, dilations, pads, auto_pad, n)
    size = 1
    for i in range(n):
        size = size * kernel_shape[i]
    Y = torch.constant_pad_nd(torch.pow(torch.abs(X), p), around(pads, n), 0)
    return torch.pow(average(Y, kernel_shape, strides, [0] * n, ceil_mode == 1, True, n) * size, 1.0 / p)

def GlobalAveragePool(X, rank: int = 0):
    return torch.mean(X, spatial(rank), True)

def GlobalMaxPool(X, rank: int = 0):
    return torch.amax(X, spatial(rank), True)

def BatchNormalization(X, scale, B, input_mean, input_var, epsilon: float = 1e-5, momentum: float = 0.9,
                       spatial: int = 1, training_mode: int = 0, outputs: int = 1):
    if spatial == 0:
        raise AssertionError("it has statistics for every position (spatial=0)")
    if outputs > 1 or training_mode == 1:
        raise AssertionError("it was exported in training mode; export the model with model.eval()")
    return torch.batch_norm(X, scale, B, input_mean, input_var, False, 0.1, epsilon, False)

def InstanceNormalization(input, scale, B, epsilon: float = 1e-5):
    return torch.instance_norm(input, scale, B, None, None, True, 0.1, epsilon, False)

def LayerNormalization(X, Scale, B: Optional[Tensor] = None, axis: int = -1, epsilon: float = 1e-5,
                       stash_type: int = 1, rank: int = 0, second: List[int] = [], outputs: int = 1):
    if outputs > 1:
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

def Attention(Q, K: Optional[Tensor] = None, V: Optional[Tensor] = None, attn_mask: Optional[Tensor] = None,
              is_causal: int = 0, kv_num_heads: int = 0, q_num_heads: int = 0, scale: float = 0.0,
              softcap: float = 0.0, softmax_precision: int = 1, qk_matmul_output_mode: int = 0, rank: int = 0,
              outputs: int = 1):
    if softcap != 0.0 or outputs > 1 or K is None or V is None or kv_num_heads != q_num_heads or is_causal == 1:
        raise AssertionError("it has a softcap, a cache, a causal mask or groups of heads")
    if rank == 3:
        Q = Q.reshape([Q.size(0), Q.size(1), q_num_heads, -1]).transpose(1, 2)
        K = K.reshape([K.size(0), K.size(1), q_num_heads, -1]).transpose(1, 2)
        V = V.reshape([V.size(0), V.size(1), q_num_heads, -1]).transpose(1, 2)
    if scale == 0.0:
        logits = torch.matmul(Q * float(Q.size(3)) ** -0.5, K.transpose(-2, -1))
    else:
        logits = torch.matmul(Q * scale, K.transpose(-2, -1))
    if attn_mask is not None:
        logits = logits + attn_mask
    Y = torch.matmul(torch.softmax(logits, -1), V)
    if rank == 3:
        Y = Y.transpose(1, 2).flatten(2)
    return Y

def AttentionOfPackedWeights(input, weights, bias, mask_index: Optional[Tensor] = None, num_heads: int = 1,
                             unidirectional: int = 0, qkv_hidden_sizes: List[int] = [], scale: float = 0.0,
                             mask_filter_value: float = -10000.0, do_rotary: int = 0, outputs: int = 1):
    if mask_index is not None or unidirectional == 1 or len(qkv_hidden_sizes) > 0 or do_rotary == 1 or outputs > 1:
        raise AssertionError("it has a mask, a cache, rotations or sizes of its own")
    parts = torch.chunk(torch.linear(input, torch.t(weights), bias), 3, -1)
    return Attention(parts[0], parts[1], parts[2], None, 0, num_heads, num_heads, scale, 0.0, 1, 0, 3, 1)

def recurrent_start(X, initial: Optional[Tensor], directions: int, hidden: int):
    if initial is not None:
        return initial
    return torch.zeros([directions, X.size(1), hidden], dtype=X.dtype, device=X.device)

def gates(W, order: List[int], hidden: int):
    parts: List[Tensor] = []
    for i in range(len(order)):
        parts.append(W.narrow(0, order[i] * hidden, hidden))
    return torch.cat(parts, 0)

def recurrent_parameters(W, R, B: Optional[Tensor], order: List[int], directions: int, hidden: int):
    parameters: List[Tensor] = []
    for d in range(directions):
        parameters.append(gates(W.select(0, d), order, hidden))
        parameters.append(gates(R.select(0, d), order, hidden))
        if B is not None:
            b = B.select(0, d)
            parameters.append(gates(b.narrow(0, 0, len(order) * hidden), order, hidden))
            parameters.append(gates(b.narrow(0, len(order) * hidden, len(order) * hidden), order, hidden))
    return parameters

def by_direction(Y, directions: int):
    return Y.reshape([Y.size(0), Y.size(1), directions, -1]).transpose(1, 2)

def LSTM(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
         initial_h: Optional[Tensor] = None, initial_c: Optional[Tensor] = None, P: Optional[Tensor] = None,
         direction: str = "forward", hidden_size: int = 0, input_forget: int = 0, layout: int = 0,
         second: List[int] = []):
    if sequence_lens is not None or P is not None or input_forget == 1 or layout == 1 or direction == "reverse":
        raise AssertionError("it has lengths, peepholes, coupled gates, another layout or runs backwards alone")
    n = second[0]
    start = [recurrent_start(X, initial_h, n, hidden_size), recurrent_start(X, initial_c, n, hidden_size)]
    parameters = recurrent_parameters(W, R, B, [0, 2, 3, 1], n, hidden_size)
    Y, h, c = torch.lstm(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    return by_direction(Y, n), h, c

def GRU(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
        initial_h: Optional[Tensor] = None, direction: str = "forward", hidden_size: int = 0,
        linear_before_reset: int = 0, layout: int = 0, second: List[int] = []):
    if sequence_lens is not None or layout == 1 or direction == "reverse":
        raise AssertionError("it has lengths, another layout or runs backwards alone")
    if linear_before_reset == 0:
        raise AssertionError("its reset gate comes before the linear part (linear_before_reset=0)")
    n = second[0]
    start = recurrent_start(X, initial_h, n, hidden_size)
    parameters = recurrent_parameters(W, R, B, [1, 0, 2], n, hidden_size)
    Y, h = torch.gru(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    return by_direction(Y, n), h

def RNN(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
        initial_h: Optional[Tensor] = None, direction: str = "forward", hidden_size: int = 0, layout: int = 0,
        second: List[int] = []):
    if sequence_lens is not None or layout == 1 or direction == "reverse":
        raise AssertionError("it has lengths, another layout or runs backwards alone")
    n = second[0]
    start = recurrent_start(X, initial_h, n, hidden_size)
    parameters = recurrent_parameters(W, R, B, [0], n, hidden_size)
    Y, h = torch.rnn_tanh(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    return by_direction(Y, n), h
)py";

const char* const elementwise = R"py(
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
    else:
        Y = torch.clamp(input, min, max)
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

def Softmax(input, axis: Optional[int] = None, opset: int = 13, rank: int = 0):
    if axis is None:
        axis = -1 if opset >= 13 else 1
    if axis < 0:
        axis = axis + rank
    if opset >= 13 or axis == rank - 1:
        Y = torch.softmax(input, axis)
    else:
        Y = torch.softmax(input.flatten(axis), axis).reshape(input.size())
    return Y

def LogSoftmax(input, axis: Optional[int] = None, opset: int = 13, rank: int = 0):
    if axis is None:
        axis = -1 if opset >= 13 else 1
    if axis < 0:
        axis = axis + rank
    if opset >= 13 or axis == rank - 1:
        Y = torch.log_softmax(input, axis)
    else:
        Y = torch.log_softmax(input.flatten(axis), axis).reshape(input.size())
    return Y

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

const char* const shapes = R"py(
def Reshape(data, shape: List[int], allowzero: int = 0):
    return torch.reshape(data, shape)

def Flatten(input, axis: int = 1, rank: int = 0):
    if axis < 0:
        axis = axis + rank
    if axis == 0:
        Y = input.reshape([1, -1])
    elif axis == rank:
        Y = input.reshape([-1, 1])
    elif axis == 1:
        Y = torch.flatten(input, 1)
    else:
        Y = input.flatten(axis).flatten(0, axis - 1)
    return Y

def Transpose(data, perm: List[int] = [], rank: int = 0):
    if len(perm) == 0:
        for i in range(rank):
            perm = perm + [rank - 1 - i]
    return torch.permute(data, perm)

def in_order(axes: List[int], rank: int):
    found: List[int] = []
    for i in range(rank):
        for j in range(len(axes)):
            if axes[j] == i or axes[j] + rank == i:
                found = found + [i]
    return found

def Squeeze(data, axes: Optional[List[int]] = None, rank: int = 0):
    if axes is None:
        raise AssertionError("it does not say which axes")
    order = in_order(axes, rank)
    for i in range(len(order)):
        data = torch.squeeze(data, order[len(order) - 1 - i])
    return data

def Unsqueeze(data, axes: List[int], rank: int = 0):
    order = in_order(axes, rank + len(axes))
    for i in range(len(order)):
        data = torch.unsqueeze(data, order[i])
    return data

def Concat(inputs: List[Tensor], axis: int):
    return torch.cat(inputs, axis)

def Split(input, split: List[int] = [], axis: int = 0, num_outputs: int = 0, outputs: int = 1):
    if len(split) > 0:
        parts = torch.split_with_sizes(input, split, axis)
    else:
        parts = torch.chunk(input, outputs, axis)
    return parts

def Slice(data, starts: List[int], ends: List[int], axes: Optional[List[int]] = None,
          steps: Optional[List[int]] = None):
    for i in range(len(starts)):
        axis, step, start, end = i, 1, starts[i], ends[i]
        if axes is not None:
            axis = axes[i]
        if steps is not None:
            step = steps[i]
        if step < 0:
            data = torch.flip(data, [axis])
            start, end, step = -start - 1, -max(end, -9223372036854775806) - 1, -step
        data = torch.slice(data, axis, start, end, step)
    return data

def Gather(data, indices, axis: int = 0, ranks: List[int] = []):
    indices = torch.where(indices < 0, indices + data.size(axis), indices)
    if ranks[1] == 0:
        Y = torch.index_select(data, axis, indices.reshape([1])).squeeze(axis)
    elif ranks[1] == 1:
        Y = torch.index_select(data, axis, indices)
    else:
        if axis < 0:
            axis = axis + ranks[0]
        shape = data.size()[:axis] + indices.size() + data.size()[axis + 1:]
        Y = torch.index_select(data, axis, indices.flatten()).reshape(shape)
    return Y

def Select(data, indices: int, axis: int = 0):
    return torch.select(data, axis, indices)

def GatherElements(data, indices, axis: int = 0):
    return torch.gather(data, axis, torch.where(indices < 0, indices + data.size(axis), indices))

def GatherND(data, indices, batch_dims: int = 0, second: List[int] = []):
    if batch_dims > 0 or len(second) == 0:
        raise AssertionError("it has batch_dims, or indices that are not constant")
    return torch.index(data, parts_of(indices, second[len(second) - 1]))

def ScatterND(data, indices, updates, reduction: str = "none", second: List[int] = []):
    if len(second) == 0 or (reduction != "none" and reduction != "add"):
        raise AssertionError("it has indices that are not constant, or the reduction " + reduction)
    return torch.index_put(data, parts_of(indices, second[len(second) - 1]), updates, reduction == "add")

def ScatterElements(data, indices, updates, axis: int = 0, reduction: str = "none"):
    if reduction == "none":
        Y = torch.scatter(data, axis, indices, updates)
    elif reduction == "add":
        Y = torch.scatter_add(data, axis, indices, updates)
    else:
        raise AssertionError("it has the reduction " + reduction)
    return Y

def Expand(input, shape: List[int]):
    return torch.expand(input, shape)

def Tile(input, repeats: List[int]):
    return torch.repeat(input, repeats)

def Pad(data, pads: List[int], constant_value: Optional[float] = None, axes: Optional[List[int]] = None,
        mode: str = "constant", value: float = 0.0, rank: int = 0):
    if constant_value is not None:
        value = constant_value
    begins: List[int] = []
    ends: List[int] = []
    for i in range(rank):
        begin, end = 0, 0
        if axes is None:
            begin, end = pads[i], pads[rank + i]
        else:
            for j in range(len(axes)):
                if axes[j] == i or axes[j] + rank == i:
                    begin, end = pads[j], pads[len(axes) + j]
        begins.append(begin)
        ends.append(end)
    turned = around(begins + ends, rank)
    if mode == "constant":
        Y = torch.constant_pad_nd(data, turned, value)
    elif mode == "edge":
        Y = torch.pad(data, turned[:2 * (rank - 2)], "replicate")
    elif mode == "wrap":
        Y = torch.pad(data, turned[:2 * (rank - 2)], "circular")
    else:
        Y = torch.pad(data, turned[:2 * (rank - 2)], mode)
    return Y

def DepthToSpace(input, blocksize: int, mode: str = "DCR"):
    if mode == "CRD":
        return torch.pixel_shuffle(input, blocksize)
    n, c, h, w = input.size(0), input.size(1) // (blocksize * blocksize), input.size(2), input.size(3)
    Y = input.reshape([n, blocksize, blocksize, c, h, w]).permute([0, 3, 4, 1, 5, 2])
    return Y.reshape([n, c, h * blocksize, w * blocksize])

def SpaceToDepth(input, blocksize: int):
    n, c, h, w = input.size(0), input.size(1), input.size(2) // blocksize, input.size(3) // blocksize
    Y = input.reshape([n, c, h, blocksize, w, blocksize]).permute([0, 3, 5, 1, 2, 4])
    return Y.reshape([n, c * blocksize * blocksize, h, w])

def ConstantOfShape(input: List[int], value: float = 0.0, like: Optional[Tensor] = None):
    if like is None:
        return torch.full(input, value)
    return torch.full(input, value, dtype=like.dtype, device=like.device)

def IntegersOfShape(input: List[int], value: int = 0, type: int = 4, like: Optional[Tensor] = None):
    if like is None:
        return torch.full(input, value, dtype=type)
    return torch.full(input, value, dtype=type, device=like.device)

def Range(start: int, limit: int, delta: int, like: Optional[Tensor] = None):
    if like is None:
        return torch.arange(start, limit, delta)
    return torch.arange(start, limit, delta, device=like.device)

def RangeOfNumbers(start: float, limit: float, delta: float, like: Optional[Tensor] = None):
    if like is None:
        return torch.arange(start, limit, delta)
    return torch.arange(start, limit, delta, dtype=like.dtype, device=like.device)

def OneHot(indices, depth: int, values, axis: int = -1, rank: int = 0):
    hot = torch.one_hot(torch.where(indices < 0, indices + depth, indices).to(4), depth)
    if axis != -1 and axis != rank:
        hot = torch.movedim(hot, -1, axis)
    return values.select(0, 0) + hot * (values.select(0, 1) - values.select(0, 0))

def NonZero(X):
    return torch.t(torch.nonzero(X))

def TopK(X, k: int, axis: int = -1, largest: int = 1, sorted: int = 1):
    return torch.topk(X, k, axis, largest == 1, sorted == 1)

def ArgMax(data, axis: int = 0, keepdims: int = 1, select_last_index: int = 0):
    return torch.argmax(data, axis, keepdims == 1)

def ArgMin(data, axis: int = 0, keepdims: int = 1, select_last_index: int = 0):
    return torch.argmin(data, axis, keepdims == 1)

def Trilu(input, k: int = 0, upper: int = 1):
    return torch.triu(input, k) if upper == 1 else torch.tril(input, k)
)py";

const char* const resizing = R"py(
def upsampled(X, size: List[int], scales: Optional[List[float]], mode: str, corners: bool, antialias: bool, n: int):
    if scales is None:
        h: Optional[float] = None
        w: Optional[float] = None
        d: Optional[float] = None
    else:
        h, w, d = scales[len(scales) - 2 if n > 1 else 0], scales[len(scales) - 1], scales[0]
    if mode == "nearest":
        if n == 1:
            Y = torch.upsample_nearest1d(X, size, w)
        elif n == 2:
            Y = torch.upsample_nearest2d(X, size, h, w)
        else:
            Y = torch.upsample_nearest3d(X, size, d, h, w)
    elif mode == "linear":
        if n == 1:
            Y = torch.upsample_linear1d(X, size, corners, w)
        elif n == 2 and antialias:
            Y = torch._upsample_bilinear2d_aa(X, size, corners, h, w)
        elif n == 2:
            Y = torch.upsample_bilinear2d(X, size, corners, h, w)
        else:
            Y = torch.upsample_trilinear3d(X, size, corners, d, h, w)
    elif antialias:
        Y = torch._upsample_bicubic2d_aa(X, size, corners, h, w)
    else:
        Y = torch.upsample_bicubic2d(X, size, corners, h, w)
    return Y

def along(X, axis: int, size: int, scale: float, linear: bool, coordinates: str, nearest: str):
    i = torch.arange(size, dtype=X.dtype, device=X.device)
    if coordinates == "asymmetric":
        at = i / scale
    elif coordinates == "align_corners":
        at = i * (float(X.size(axis) - 1) / float(max(size - 1, 1)))
    else:
        at = (i + 0.5) / scale - 0.5
    last = X.size(axis) - 1
    if linear:
        at = torch.clamp(at, 0, last)
        low = torch.floor(at)
        share = at - low
        for k in range(X.dim() - axis - 1):
            share = share.unsqueeze(-1)
        upper = torch.index_select(X, axis, torch.clamp(low + 1, 0, last).to(4))
        Y = torch.index_select(X, axis, low.to(4)) * (1 - share) + upper * share
    else:
        if nearest == "floor":
            at = torch.floor(at)
        elif nearest == "ceil":
            at = torch.ceil(at)
        elif nearest == "round_prefer_ceil":
            at = torch.floor(at + 0.5)
        else:
            at = torch.ceil(at - 0.5)
        Y = torch.index_select(X, axis, torch.clamp(at, 0, last).to(4))
    return Y

def Upsample(X, scales: List[float], mode: str = "nearest", rank: int = 0):
    return resized(X, scales, [], mode, "asymmetric", "floor", -0.75, False, rank)

def resized(X, scales: List[float], sizes: List[int], mode: str, coordinates: str, nearest: str, cubic: float,
            antialias: bool, rank: int):
    n = rank - 2
    size: List[int] = []
    factors: List[float] = []
    for i in range(n):
        if len(sizes) > 0:
            size.append(sizes[2 + i])
            factors.append(float(sizes[2 + i]) / float(X.size(2 + i)))
        else:
            size.append(int(float(X.size(2 + i)) * scales[2 + i] + 1e-6))
            factors.append(scales[2 + i])
    given: Optional[List[float]] = None
    if len(sizes) == 0:
        given = factors
    half = coordinates == "half_pixel" or coordinates == "pytorch_half_pixel"
    corners = coordinates == "align_corners"
    if not half and not corners and coordinates != "asymmetric":
        raise AssertionError("it has the coordinates " + coordinates)
    if mode == "nearest" and coordinates == "asymmetric" and nearest == "floor":
        Y = upsampled(X, size, given, "nearest", False, False, n)
    elif mode == "linear" and (half or corners):
        Y = upsampled(X, size, given, "linear", corners, antialias, n)
    elif mode == "cubic":
        if n != 2 or not (half or corners) or abs(cubic + 0.75) > 1e-6:
            raise AssertionError("it is cubic in a way that LibTorch has not")
        Y = upsampled(X, size, given, "cubic", corners, antialias, n)
    else:
        Y = X
        for j in range(n):
            Y = along(Y, 2 + j, size[j], factors[j], mode == "linear", coordinates, nearest)
    return Y

def Resize(X, roi: Optional[Tensor] = None, scales: List[float] = [], sizes: List[int] = [], antialias: int = 0,
           axes: List[int] = [], coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
           exclude_outside: int = 0, extrapolation_value: float = 0.0, keep_aspect_ratio_policy: str = "stretch",
           mode: str = "nearest", nearest_mode: str = "round_prefer_floor", rank: int = 0, opset: int = 13):
    if len(axes) > 0:
        if len(axes) != rank - 2 or axes[0] != 2 or keep_aspect_ratio_policy != "stretch":
            raise AssertionError("it resizes some axes alone, or keeps the aspect ratio")
        if len(sizes) > 0:
            sizes = [1, 1] + sizes
        else:
            scales = [1.0, 1.0] + scales
    if exclude_outside == 1:
        raise AssertionError("it has exclude_outside")
    return resized(X, scales, sizes, mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a, antialias == 1,
                   rank)

def GridSample(X, grid, align_corners: int = 0, mode: str = "bilinear", padding_mode: str = "zeros"):
    how = 0
    if mode == "nearest":
        how = 1
    elif mode == "bicubic" or mode == "cubic":
        how = 2
    beyond = 0
    if padding_mode == "border":
        beyond = 1
    elif padding_mode == "reflection":
        beyond = 2
    return torch.grid_sampler(X, grid, how, beyond, align_corners == 1)
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
      compile_functions((std::string(helpers) + layers + elementwise + shapes + resizing + reductions()).c_str());
  auto* function = functions->find_function(c10::QualifiedName(op));
  return function == nullptr ? nullptr : &torch::jit::toGraphFunction(*function);
}

}  // namespace attune
