// ONNX's attention and recurrent layers. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_sequences_source = R"py(
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
