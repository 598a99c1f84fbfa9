// ONNX's resizing and sampling. How such functions are written stands in functions.cpp.
#include "formats/onnx/functions/functions.h"

namespace attune {

const char* const onnx_resizing_source = R"py(
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

def cubic_weight(distance, a: float):
    d = torch.abs(distance)
    near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    far = (((d - 5.0) * d + 8.0) * d - 4.0) * a
    return torch.where(d <= 1.0, near, torch.where(d < 2.0, far, torch.zeros_like(d)))

def along(X, axis: int, size: int, scale: float, mode: str, coordinates: str, nearest: str, cubic: float,
          excludes: bool):
    i, last = torch.arange(size, dtype=X.dtype, device=X.device), X.size(axis) - 1
    if coordinates == "asymmetric":
        at = i / scale
    elif coordinates == "align_corners":
        at = i * (float(last) / float(max(size - 1, 1)))
    elif coordinates == "half_pixel_symmetric":
        at = (i + 0.5) / scale - 0.5 + float(last + 1) / 2.0 - float(size) / scale / 2.0
    else:
        at = (i + 0.5) / scale - 0.5
    if mode == "nearest":
        if nearest == "floor":
            at = torch.floor(at)
        elif nearest == "ceil":
            at = torch.ceil(at)
        elif nearest == "round_prefer_ceil":
            at = torch.floor(at + 0.5)
        else:
            at = torch.ceil(at - 0.5)
        return torch.index_select(X, axis, torch.clamp(at, 0, last).to(4))
    low = torch.floor(at)
    places: List[Tensor] = []
    weights: List[Tensor] = []
    for k in range(2 if mode == "linear" else 4):
        place = low + (k if mode == "linear" else k - 1)
        weight = 1.0 - torch.abs(at - place) if mode == "linear" else cubic_weight(at - place, cubic)
        if excludes:
            weight = torch.where(torch.logical_or(place < 0, place > last), torch.zeros_like(weight), weight)
        places.append(torch.clamp(place, 0, last).to(4))
        weights.append(weight)
    total = Sum(weights)
    shape = [1] * (X.dim() - axis)
    shape[0] = size
    parts: List[Tensor] = []
    for k in range(len(places)):
        parts.append(torch.index_select(X, axis, places[k]) * (weights[k] / total).reshape(shape))
    return Sum(parts)

def Upsample(X, scales: List[float], mode: str = "nearest", rank: int = 0):
    size, factors = sizes_and_factors(X, scales, [], [], "stretch", rank)
    return resized(X, size, factors, True, mode, "asymmetric", "floor", -0.75, False, False)

def place_of(axis: int, axes: List[int], rank: int):
    place = axis if len(axes) == 0 else -1
    for i in range(len(axes)):
        if axes[i] == axis or axes[i] + rank == axis:
            place = i
    return place

def common_factor(X, sizes: List[int], axes: List[int], is_smallest: bool, rank: int):
    common = 1e30 if is_smallest else 0.0
    for i in range(2, rank):
        place = place_of(i, axes, rank)
        if place != -1:
            factor = float(sizes[place]) / float(X.size(i))
            common = min(common, factor) if is_smallest else max(common, factor)
    return common

def sizes_and_factors(X, scales: List[float], sizes: List[int], axes: List[int], policy: str, rank: int):
    common = 1.0
    if policy != "stretch" and len(sizes) > 0:
        common = common_factor(X, sizes, axes, policy == "not_larger", rank)
    size: List[int] = []
    factors: List[float] = []
    for i in range(2, rank):
        place = place_of(i, axes, rank)
        if place == -1:
            size.append(X.size(i))
            factors.append(1.0)
        elif len(sizes) == 0:
            size.append(int(float(X.size(i)) * scales[place] + 1e-6))
            factors.append(scales[place])
        elif policy == "stretch":
            size.append(sizes[place])
            factors.append(float(sizes[place]) / float(X.size(i)))
        else:
            size.append(int(float(X.size(i)) * common + 0.5))
            factors.append(common)
    return size, factors

def resized(X, size: List[int], factors: List[float], are_given: bool, mode: str, coordinates: str, nearest: str,
            cubic: float, antialias: bool, excludes: bool):
    n = len(size)
    given: Optional[List[float]] = None
    if are_given:
        given = factors
    half = coordinates == "half_pixel" or coordinates == "pytorch_half_pixel"
    corners = coordinates == "align_corners"
    if not half and not corners and coordinates != "asymmetric" and coordinates != "half_pixel_symmetric":
        raise AssertionError("it has the coordinates " + coordinates)
    if antialias and (n != 2 or not half or not excludes or mode == "nearest" or (mode == "cubic" and cubic != -0.5)):
        raise AssertionError("it smooths (antialias) in a way that LibTorch has not")
    if mode == "nearest" and coordinates == "asymmetric" and nearest == "floor":
        Y = upsampled(X, size, given, "nearest", False, False, n)
    elif mode == "linear" and (half or corners) and (antialias or not excludes):
        Y = upsampled(X, size, given, "linear", corners, antialias, n)
    elif antialias or (mode == "cubic" and (half or corners) and n == 2 and abs(cubic + 0.75) < 1e-6 and not excludes):
        Y = upsampled(X, size, given, "cubic", corners, antialias, n)
    else:
        Y = X
        for j in range(n):
            Y = along(Y, 2 + j, size[j], factors[j], mode, coordinates, nearest, cubic, excludes)
    return Y

def Resize(X, roi: Optional[Tensor] = None, scales: List[float] = [], sizes: List[int] = [], antialias: int = 0,
           axes: List[int] = [], coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
           exclude_outside: int = 0, extrapolation_value: float = 0.0, keep_aspect_ratio_policy: str = "stretch",
           mode: str = "nearest", nearest_mode: str = "round_prefer_floor", rank: int = 0, opset: int = 13):
    size, factors = sizes_and_factors(X, scales, sizes, axes, keep_aspect_ratio_policy, rank)
    are_given = len(sizes) == 0 or keep_aspect_ratio_policy != "stretch"
    return resized(X, size, factors, are_given, mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a,
                   antialias == 1, exclude_outside == 1)

def AffineGrid(theta, size: List[int], align_corners: int = 0):
    return torch.affine_grid_generator(theta, size, align_corners == 1)

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

}  // namespace attune
