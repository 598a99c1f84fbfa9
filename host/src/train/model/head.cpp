#include "train/model/head.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {
namespace {

using torch::jit::Module;

constexpr size_t most_named = 5;

bool has_tensor(const Module& module, const std::string& name) {
  return module.hasattr(name) && module.attr(name).isTensor() && module.attr(name).toTensor().defined();
}

// [out,in] of a linear layer, [out,in,1,..] of a convolution.
bool can_be_head(const Module& module) {
  if (!has_tensor(module, "weight")) return false;
  const at::Tensor weight = module.attr("weight").toTensor();
  const auto sizes = weight.sizes();
  return weight.is_floating_point() && sizes.size() >= 2 &&
         std::all_of(sizes.begin() + 2, sizes.end(), [](int64_t size) { return size == 1; });
}

std::vector<std::string> candidates(const Module& module) {
  std::vector<std::string> names;
  for (const auto& child : module.named_modules()) {
    if (!child.name.empty() && can_be_head(child.value)) names.push_back(child.name);
  }
  return names;
}

// The last ones, among which the head is.
std::string listed(const std::vector<std::string>& names) {
  const size_t first = names.size() > most_named ? names.size() - most_named : 0;
  std::string list;
  for (size_t i = first; i < names.size(); ++i) list += (list.empty() ? "'" : ", '") + names[i] + "'";
  return first > 0 ? "the last are " + list : "they are " + list;
}

Module find(const Module& module, const std::string& layer) {
  for (const auto& child : module.named_modules()) {
    if (child.name == layer && can_be_head(child.value)) return child.value;
  }
  const std::vector<std::string> names = candidates(module);
  if (names.empty()) {
    throw Error(Fault::spec, "the model has no linear layer or 1x1 convolution to replace (was it frozen?)");
  }
  throw Error(Fault::spec, "head '" + layer + "' is no linear layer or 1x1 convolution; " + listed(names) +
                               did_you_mean(layer, names));
}

// Uniform in +-1/sqrt(number of inputs): what LibTorch's own initialisation comes to for weight and bias. Trained also
// where the old head was frozen.
at::Tensor drawn(std::vector<int64_t> sizes, double bound, const at::Tensor& like, at::Generator& generator) {
  const at::NoGradGuard no_grad;
  at::Tensor values = at::empty(sizes, at::kDouble);
  values.uniform_(-bound, bound, generator);
  return values.to(like.options()).set_requires_grad(true);
}

}  // namespace

void replace_head(Module& module, const std::string& layer, int64_t classes, uint64_t seed) {
  Module head = find(module, layer);
  const at::Tensor weight = head.attr("weight").toTensor();
  std::vector<int64_t> sizes = weight.sizes().vec();
  sizes[0] = classes;
  const double bound = 1 / std::sqrt(static_cast<double>(sizes[1]));
  at::Generator generator = at::detail::createCPUGenerator(seed);
  head.setattr("weight", drawn(sizes, bound, weight, generator));
  if (!has_tensor(head, "bias")) return;
  const at::Tensor bias = head.attr("bias").toTensor();
  head.setattr("bias", drawn({classes}, bound, bias, generator));
}

void require_classes(int64_t columns, int64_t classes, const Module& module, const std::string& head) {
  if (columns == classes) return;
  const std::string gives =
      "the model gives " + std::to_string(columns) + " scores for " + std::to_string(classes) + " classes";
  const std::string layers = listed(candidates(module));
  if (head.empty()) throw Error(Fault::spec, gives + "; name its last layer as \"head\": " + layers);
  throw Error(Fault::spec, gives + " with the new head '" + head +
                               "', so that this is not its last layer; of linear layers and 1x1 convolutions " +
                               layers);
}

}  // namespace attune
