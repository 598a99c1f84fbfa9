// What the methods that draw the gradient of the input share: what they need, and its reduction over colour channels.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <string>

#include <attune/sdk/parameters.h>
#include <attune/sdk/pass.h>

namespace attune::plugins {

// One gradient of the input for a map.
inline Needs needs_input_gradient() {
  Needs needs;
  needs.input_gradient = true;
  needs.gradient_calls = 1;
  return needs;
}

inline ParameterDeclaration channels_parameter(const std::string& value) {
  return choice("channels", value, {"keep", "abs_sum", "sum", "max_abs", "norm"},
                "How the gradient's colour channels become one map, or stay");
}

// [N,C,S1..Sd] -> [N,1,S1..Sd], or unchanged for "keep".
inline at::Tensor reduce_channels(const at::Tensor& gradient, const std::string& channels) {
  if (channels == "abs_sum") return gradient.abs().sum(1, true);
  if (channels == "sum") return gradient.sum(1, true);
  if (channels == "max_abs") return gradient.abs().amax(1, true);
  if (channels == "norm") return at::linalg_vector_norm(gradient, 2, at::IntArrayRef{1}, true);
  return gradient;
}

}  // namespace attune::plugins
