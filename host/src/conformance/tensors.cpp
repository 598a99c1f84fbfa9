#include "conformance/tensors.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>
#include <limits>
#include <sstream>

#include "model/layers/layout.h"

namespace attune::conformance {

at::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

Tensors copies(const Tensors& tensors) {
  Tensors copied;
  for (const at::Tensor& tensor : tensors) {
    copied.push_back(tensor.detach().clone().set_requires_grad(tensor.requires_grad()));
  }
  return copied;
}

Tensors rows(const Tensors& tensors, int64_t begin, int64_t count) {
  Tensors chosen;
  for (const at::Tensor& tensor : tensors) chosen.push_back(tensor.narrow(0, begin, count));
  return chosen;
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         ((a == b) | (a.isnan() & b.isnan())).all().item<bool>();
}

bool finite(const at::Tensor& tensor) { return at::isfinite(tensor.detach()).all().item<bool>(); }

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes() || !finite(found) || !finite(expected)) {
    return std::numeric_limits<double>::infinity();
  }
  if (found.numel() == 0) return 0;
  const at::Tensor wanted = expected.detach().to(at::kDouble);
  const double largest = (found.detach().to(at::kDouble) - wanted).abs().max().item<double>();
  return largest == 0 ? 0 : largest / std::max(wanted.abs().max().item<double>(), 1e-30);
}

double difference(const Tensors& found, const Tensors& expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < found.size(); ++i) largest = std::max(largest, difference(found[i], expected[i]));
  return largest;
}

std::string shape_of(const at::Tensor& tensor) { return shape_text(tensor.sizes().vec()); }

std::string text_of(double value) {
  std::ostringstream text;
  text.precision(3);
  text << value;
  return text.str();
}

}  // namespace attune::conformance
