// ONNX's layers: convolution, pooling, norms, products, attention, recurrence. How such functions are written stands in
// functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_layers_source = R"py(
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
            pads: List[int] = [], storage_order: int = 0, strides: List[int] = [], rank: int = 0, used: int = 1):
    if used > 1:
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
                       spatial: int = 1, training_mode: int = 0, used: int = 1):
    if spatial == 0:
        raise AssertionError("it has statistics for every position (spatial=0)")
    if used > 1 or training_mode == 1:
        raise AssertionError("it was exported in training mode; export the model with model.eval()")
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

def heads(X, count: int):
    return X.reshape([X.size(0), X.size(1), count, -1]).transpose(1, 2)

def Attention(Q, K, V, attn_mask: Optional[Tensor] = None, past_key: Optional[Tensor] = None,
              past_value: Optional[Tensor] = None, nonpad_kv_seqlen: Optional[Tensor] = None, is_causal: int = 0,
              kv_num_heads: int = 0, q_num_heads: int = 0, scale: float = 0.0, softcap: float = 0.0,
              softmax_precision: int = 1, qk_matmul_output_mode: int = 0, rank: int = 0, integrals: List[int] = [],
              used: int = 1):
    if past_key is not None or past_value is not None or nonpad_kv_seqlen is not None or used > 1:
        raise AssertionError("it has a cache of keys and values, or more outputs than one")
    if rank == 3:
        Q, K, V = heads(Q, q_num_heads), heads(K, kv_num_heads), heads(V, kv_num_heads)
        if q_num_heads != kv_num_heads:
            K = torch.repeat_interleave(K, q_num_heads // kv_num_heads, 1)
            V = torch.repeat_interleave(V, q_num_heads // kv_num_heads, 1)
    if scale == 0.0:
        logits = torch.matmul(Q * float(Q.size(3)) ** -0.5, K.transpose(-2, -1))
    else:
        logits = torch.matmul(Q * scale, K.transpose(-2, -1))
    if softcap != 0.0:
        logits = torch.tanh(logits / softcap) * softcap
    if attn_mask is not None:
        if integrals[3] == 1:
            logits = torch.masked_fill(logits, torch.logical_not(attn_mask), float("-inf"))
        else:
            logits = logits + attn_mask
    if is_causal == 1:
        logits = logits + torch.triu(torch.full_like(logits, float("-inf")), 1)
    Y = torch.matmul(torch.softmax(logits, -1), V)
    if rank == 3:
        Y = Y.transpose(1, 2).flatten(2)
    return Y

def AttentionOfPackedWeights(input, weights, bias, mask_index: Optional[Tensor] = None, num_heads: int = 1,
                             unidirectional: int = 0, qkv_hidden_sizes: List[int] = [], scale: float = 0.0,
                             mask_filter_value: float = -10000.0, do_rotary: int = 0, used: int = 1):
    if mask_index is not None or unidirectional == 1 or len(qkv_hidden_sizes) > 0 or do_rotary == 1 or used > 1:
        raise AssertionError("it has a mask, a cache, rotations or sizes of its own")
    parts = torch.chunk(torch.linear(input, torch.t(weights), bias), 3, -1)
    return Attention(parts[0], parts[1], parts[2], None, None, None, None, 0, num_heads, num_heads, scale, rank=3)

def in_time(X, direction: str, layout: int):
    if layout == 1:
        X = X.transpose(0, 1)
    return torch.flip(X, [0]) if direction == "reverse" else X

def first_state(X, initial: Optional[Tensor], directions: int, hidden: int, layout: int):
    if initial is None:
        h = torch.zeros([directions, X.size(1), hidden], dtype=X.dtype, device=X.device)
    elif layout == 1:
        h = initial.transpose(0, 1)
    else:
        h = initial
    return h

def last_state(h, layout: int):
    return h.transpose(0, 1) if layout == 1 else h

def by_direction(Y, directions: int, direction: str, layout: int):
    Y = Y.reshape([Y.size(0), Y.size(1), directions, -1])
    if direction == "reverse":
        Y = torch.flip(Y, [0])
    return Y.transpose(0, 1) if layout == 1 else Y.transpose(1, 2)

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

def check_activations(given: str, usual: str):
    if given != "" and given != usual and given != usual + "," + usual:
        raise AssertionError("its activations are " + given + ", expected " + usual)

def LSTM(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
         initial_h: Optional[Tensor] = None, initial_c: Optional[Tensor] = None, P: Optional[Tensor] = None,
         activations: str = "", direction: str = "forward", hidden_size: int = 0, input_forget: int = 0,
         layout: int = 0, second: List[int] = []):
    if sequence_lens is not None or P is not None or input_forget == 1:
        raise AssertionError("it has lengths, peepholes or coupled gates")
    check_activations(activations, "Sigmoid,Tanh,Tanh")
    n = second[0]
    X = in_time(X, direction, layout)
    start = [first_state(X, initial_h, n, hidden_size, layout), first_state(X, initial_c, n, hidden_size, layout)]
    parameters = recurrent_parameters(W, R, B, [0, 2, 3, 1], n, hidden_size)
    Y, h, c = torch.lstm(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    return by_direction(Y, n, direction, layout), last_state(h, layout), last_state(c, layout)

def gru_of_reset_state(X, h, W, R, b, c, hidden: int):
    inputs = torch.linear(X, W, b)
    states: List[Tensor] = []
    for t in range(X.size(0)):
        x = inputs.select(0, t)
        both = torch.linear(h, R.narrow(0, 0, 2 * hidden), c.narrow(0, 0, 2 * hidden))
        z, r = torch.chunk(torch.sigmoid(x.narrow(1, 0, 2 * hidden) + both), 2, 1)
        new = torch.linear(r * h, R.narrow(0, 2 * hidden, hidden), c.narrow(0, 2 * hidden, hidden))
        new = torch.tanh(x.narrow(1, 2 * hidden, hidden) + new)
        h = new + z * (h - new)
        states.append(h)
    return torch.stack(states), h

def GRU(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
        initial_h: Optional[Tensor] = None, activations: str = "", direction: str = "forward",
        hidden_size: int = 0, linear_before_reset: int = 0, layout: int = 0, second: List[int] = []):
    if sequence_lens is not None:
        raise AssertionError("it has lengths")
    check_activations(activations, "Sigmoid,Tanh")
    n = second[0]
    X = in_time(X, direction, layout)
    start = first_state(X, initial_h, n, hidden_size, layout)
    if linear_before_reset == 1:
        parameters = recurrent_parameters(W, R, B, [1, 0, 2], n, hidden_size)
        Y, h = torch.gru(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    else:
        if B is None:
            B = torch.zeros([n, 6 * hidden_size], dtype=X.dtype, device=X.device)
        outputs: List[Tensor] = []
        states: List[Tensor] = []
        for d in range(n):
            b = B.select(0, d)
            y, last = gru_of_reset_state(torch.flip(X, [0]) if d == 1 else X, start.select(0, d), W.select(0, d),
                                         R.select(0, d), b.narrow(0, 0, 3 * hidden_size),
                                         b.narrow(0, 3 * hidden_size, 3 * hidden_size), hidden_size)
            outputs.append(torch.flip(y, [0]) if d == 1 else y)
            states.append(last)
        Y, h = torch.cat(outputs, 2), torch.stack(states)
    return by_direction(Y, n, direction, layout), last_state(h, layout)

def RNN(X, W, R, B: Optional[Tensor] = None, sequence_lens: Optional[Tensor] = None,
        initial_h: Optional[Tensor] = None, activations: str = "Tanh", direction: str = "forward",
        hidden_size: int = 0, layout: int = 0, second: List[int] = []):
    if sequence_lens is not None:
        raise AssertionError("it has lengths")
    rectifies = activations[:4] == "Relu"
    check_activations(activations, "Relu" if rectifies else "Tanh")
    n = second[0]
    X = in_time(X, direction, layout)
    start = first_state(X, initial_h, n, hidden_size, layout)
    parameters = recurrent_parameters(W, R, B, [0], n, hidden_size)
    if rectifies:
        Y, h = torch.rnn_relu(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    else:
        Y, h = torch.rnn_tanh(X, start, parameters, B is not None, 1, 0.0, False, n == 2, False)
    return by_direction(Y, n, direction, layout), last_state(h, layout)
)py";

}  // namespace attune
