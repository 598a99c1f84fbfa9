// Gradients of a 2-D convolution's input as convolutions without strides.
#pragma once

#include <ATen/core/Tensor.h>
#include <optional>
#include <vector>

namespace attune {

// How a 2-D convolution moves over its input; one number per axis.
struct Window {
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups = 1;
};

// The gradient of the input of a convolution without strides is a convolution too, with this weight and this window.
at::Tensor turned(const at::Tensor& weight, int64_t groups);
// Nothing where the gradient is no such convolution.
std::optional<Window> turned(const Window& window, const at::Tensor& weight);

// Pixels of the input that lie `stride` apart are reached by the same weights: they are channels of one convolution
// without strides, of which pixel_shuffle makes the gradient (Shi et al. 2016, sub-pixel convolution).
class Phases {
 public:
  Phases(const Window& window, const at::Tensor& weight);

  // Whether this is less work than the gradient of the strided convolution: oneDNN rounds channels up to 16, which few
  // channels suffer from.
  static bool are_cheaper(const Window& window, const at::Tensor& weight);

  at::Tensor weight_of(const at::Tensor& weight) const;
  Window window() const;
  // The gradient of an input of this size.
  at::Tensor join(const at::Tensor& phases, const Window& window, at::IntArrayRef size) const;

 private:
  int64_t stride_, high_, wide_;  // high_ and wide_: the kernel of one phase
};

}  // namespace attune
