// 2-D convolutions of frozen pieces on a processor, with oneDNN's packed weights.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/custom_class.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/symbol.h>
#include <functional>
#include <mutex>
#include <optional>
#include <torch/custom_class_detail.h>
#include <utility>
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

// attune::convolve_packed(Tensor x) -> Tensor: the PackedConvolution that the node's attribute `value` holds.
inline const c10::Symbol convolve_packed_symbol = c10::Symbol::fromQualString("attune::convolve_packed");

// What a convolution's weights are made of: its own, and those of a batch norm behind it. Aliases of the model's
// memory.
struct WeightSources {
  at::Tensor weight, bias;  // an undefined bias: none
  bool normed = false;
  at::Tensor scale, shift, mean, variance;  // of the batch norm; undefined scale and shift: 1 and 0
  double epsilon = 0;

  // Weight and bias, folded in double precision and rounded once.
  std::pair<at::Tensor, at::Tensor> fold() const;
};

// Whether this LibTorch has the operators, and `weight` is one they take.
bool can_be_packed(const at::Tensor& weight);

// Weights in the order that oneDNN wants for one size of the input, made when that size is first seen. Another size
// runs on the same weights, which then are reordered in every call, until it comes twice in a row. Safe to use from
// several threads.
class Packing {
 public:
  using Pack = std::function<c10::IValue(at::IntArrayRef size)>;
  explicit Packing(Pack pack) : pack_(std::move(pack)) {}

  at::Tensor run(const at::Tensor& x);

 private:
  c10::IValue packed_for(at::IntArrayRef size);

  Pack pack_;
  std::mutex mutex_;
  c10::IValue packed_;
  std::vector<int64_t> size_, last_size_;
};

// A convolution and the gradient of its input, where that is a convolution without strides too. Takes and gives
// activations channels last, between which nothing is reordered.
class PackedConvolution : public torch::CustomClassHolder {
 public:
  PackedConvolution(WeightSources sources, Window window);

  // Also inputs that cannot be packed for (one sample without a batch, none at all, a wrong type), as LibTorch does.
  at::Tensor forward(const at::Tensor& x);
  at::Tensor input_gradient(const at::Tensor& g, const at::Tensor& x);
  bool fits(const at::Tensor& x) const;

 private:
  enum class Gradient { convolution, by_phase, as_libtorch };

  c10::IValue pack_gradient(at::IntArrayRef size) const;
  const at::Tensor& plain_weight();

  WeightSources sources_;
  Window window_;
  Gradient gradient_ = Gradient::as_libtorch;
  Packing forward_, backward_;
  std::mutex mutex_;
  at::Tensor plain_weight_;  // channels last; for gradients as LibTorch takes them
};

}  // namespace attune
