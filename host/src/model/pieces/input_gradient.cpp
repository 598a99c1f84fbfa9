#include "model/pieces/input_gradient.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/pixel_shuffle.h>

namespace attune {

at::Tensor turned(const at::Tensor& weight, int64_t groups) {
  const int64_t out = weight.size(0), in = weight.size(1);
  return weight.reshape({groups, out / groups, in, weight.size(2), weight.size(3)})
      .transpose(1, 2)
      .reshape({groups * in, out / groups, weight.size(2), weight.size(3)})
      .flip({2, 3});
}

std::optional<Window> turned(const Window& window, const at::Tensor& weight) {
  Window result{{1, 1}, {}, window.dilation, window.groups};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t reach = window.dilation[axis] * (weight.size(static_cast<int64_t>(axis) + 2) - 1);
    if (window.stride[axis] != 1 || window.padding[axis] > reach) return std::nullopt;
    result.padding.push_back(reach - window.padding[axis]);
  }
  return result;
}

Phases::Phases(const Window& window, const at::Tensor& weight)
    : stride_(window.stride[0]),
      high_((weight.size(2) + stride_ - 1) / stride_),
      wide_((weight.size(3) + stride_ - 1) / stride_) {}

bool Phases::are_cheaper(const Window& window, const at::Tensor& weight) {
  if (window.groups != 1 || window.stride[0] != window.stride[1] || window.dilation[0] * window.dilation[1] != 1) {
    return false;
  }
  const auto rounded = [](int64_t channels) { return (channels + 15) / 16 * 16; };
  const Phases phases(window, weight);
  const int64_t in = weight.size(1);
  return rounded(in * phases.stride_ * phases.stride_) * phases.high_ * phases.wide_ <
         rounded(in) * weight.size(2) * weight.size(3);
}

at::Tensor Phases::weight_of(const at::Tensor& weight) const {
  const int64_t out = weight.size(0), in = weight.size(1);
  return at::constant_pad_nd(weight, {0, wide_ * stride_ - weight.size(3), 0, high_ * stride_ - weight.size(2)})
      .reshape({out, in, high_, stride_, wide_, stride_})
      .permute({1, 3, 5, 0, 2, 4})
      .reshape({in * stride_ * stride_, out, high_, wide_})
      .flip({2, 3});
}

Window Phases::window() const { return {{1, 1}, {high_ - 1, wide_ - 1}, {1, 1}, 1}; }

at::Tensor Phases::join(const at::Tensor& phases, const Window& window, at::IntArrayRef size) const {
  const at::Tensor padded = at::pixel_shuffle(phases, stride_);
  const int64_t top = window.padding[0], left = window.padding[1];
  return at::constant_pad_nd(padded, {-left, size[3] + left - padded.size(3), -top, size[2] + top - padded.size(2)});
}

}  // namespace attune
