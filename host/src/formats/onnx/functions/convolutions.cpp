// ONNX's convolutions and pooling. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_convolutions_source = R"py(
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
)py";

}  // namespace attune
