// ONNX's operators of shapes, places and choices. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_shapes_source = R"py(
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

def Squeeze(data, axes: Optional[List[int]] = None, rank: int = 0, first: Optional[List[int]] = None):
    if axes is None:
        if first is None:
            raise AssertionError("it does not say which axes")
        data = torch.squeeze(data)
    else:
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

def bounded(place: int):
    return min(max(place, -1152921504606846976), 1152921504606846976)

def Slice(data, starts: List[int], ends: List[int], axes: Optional[List[int]] = None,
          steps: Optional[List[int]] = None):
    for i in range(len(starts)):
        axis, step, start, end = i, 1, bounded(starts[i]), bounded(ends[i])
        if axes is not None:
            axis = axes[i]
        if steps is not None:
            step = steps[i]
        if step < 0:
            data = torch.flip(data, [axis])
            start, end, step = -start - 1, -end - 1, -step
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

def cells(indices, sizes: List[int]):
    shape = torch.tensor(sizes, dtype=4, device=indices.device)
    ones = torch.ones([1], dtype=4, device=indices.device)
    steps = torch.flip(torch.cumprod(torch.flip(torch.cat([shape[1:], ones]), [0]), 0), [0])
    return torch.sum(torch.where(indices < 0, indices + shape, indices) * steps, [-1])

def GatherND(data, indices, batch_dims: int = 0):
    sizes, n = data.size(), indices.size(-1)
    rest = sizes[batch_dims + n:]
    rows, places = data.unsqueeze(0), indices.unsqueeze(0)
    if batch_dims > 0:
        rows, places = data.flatten(0, batch_dims - 1), indices.flatten(0, batch_dims - 1)
    flat = rows.reshape([rows.size(0), -1] + rest)
    at = cells(places, sizes[batch_dims:batch_dims + n]).reshape([rows.size(0), -1])
    at = at + torch.arange(at.size(0), device=at.device).unsqueeze(1) * flat.size(1)
    return torch.index_select(flat.flatten(0, 1), 0, at.flatten()).reshape(indices.size()[:-1] + rest)

def scattered(data, axis: int, indices, updates, reduction: str):
    if reduction == "none":
        Y = torch.scatter(data, axis, indices, updates)
    elif reduction == "add":
        Y = torch.scatter_add(data, axis, indices, updates)
    elif reduction == "mul":
        Y = torch.scatter_reduce(data, axis, indices, updates, "prod")
    elif reduction == "max":
        Y = torch.scatter_reduce(data, axis, indices, updates, "amax")
    elif reduction == "min":
        Y = torch.scatter_reduce(data, axis, indices, updates, "amin")
    else:
        raise AssertionError("it has the reduction " + reduction)
    return Y

def ScatterND(data, indices, updates, reduction: str = "none"):
    sizes, n = data.size(), indices.size(-1)
    at = cells(indices, sizes[:n]).flatten()
    new = updates.reshape([at.size(0), -1])
    return scattered(data.reshape([-1, new.size(1)]), 0, at.unsqueeze(1).expand(new.size()), new,
                     reduction).reshape(sizes)

def ScatterElements(data, indices, updates, axis: int = 0, reduction: str = "none"):
    return scattered(data, axis, torch.where(indices < 0, indices + data.size(axis), indices), updates, reduction)

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

def extreme(data, axis: int, keep: bool, last: bool):
    if last:
        return data.size(axis) - 1 - torch.argmax(torch.flip(data, [axis]), axis, keep)
    return torch.argmax(data, axis, keep)

def ArgMax(data, axis: int = 0, keepdims: int = 1, select_last_index: int = 0):
    return extreme(data, axis, keepdims == 1, select_last_index == 1)

def ArgMin(data, axis: int = 0, keepdims: int = 1, select_last_index: int = 0):
    return extreme(-data, axis, keepdims == 1, select_last_index == 1)

def Trilu(input, k: int = 0, upper: int = 1):
    return torch.triu(input, k) if upper == 1 else torch.tril(input, k)
)py";

}  // namespace attune
