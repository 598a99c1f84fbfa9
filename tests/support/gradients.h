// First and second derivatives of a function of tensors against central differences, in float64.
#pragma once

#include <ATen/ATen.h>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <vector>

#include "methods.h"

namespace attune::test {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

// sum over `values` of a fixed random weight times their entries; nothing where one is undefined.
inline at::Tensor weighted(const Tensors& values, uint64_t seed) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (const at::Tensor& value : values) {
    if (value.defined()) sum = sum + (value * seeded(value.sizes(), seed++)).sum();
  }
  return sum;
}

inline Tensors gradients_of(const Function& function, const Tensors& of, bool graph) {
  at::Tensor loss = at::zeros({}, at::kDouble);
  uint64_t seed = 31;
  for (const at::Tensor& out : function(of)) loss = loss + weighted({out + out.square()}, seed++);
  return torch::autograd::grad({loss}, of, {}, graph, graph, /*allow_unused=*/true);
}

inline void expect_near(const std::string& what, const at::Tensor& gradient, const at::Tensor& of,
                        const std::function<double()>& value, double tolerance) {
  for (int64_t entry = 0; entry < of.numel(); entry += 1 + of.numel() / 7) {
    const double exact = gradient.defined() ? gradient.reshape({-1})[entry].item<double>() : 0;
    EXPECT_NEAR(exact, central_difference(value, of.detach(), entry), tolerance) << what << ", entry " << entry;
  }
}

// With respect to every tensor of `at`, whose entries are changed and restored.
inline void expect_derivatives_are_finite_differences(const Function& function, const Tensors& at,
                                                      const std::string& what, double tolerance = 1e-6) {
  Tensors of;
  for (const at::Tensor& tensor : at) of.push_back(tensor.clone().requires_grad_());
  const auto value = [&] {
    double sum = 0;
    uint64_t seed = 31;
    for (const at::Tensor& out : function(of)) sum += weighted({out + out.square()}, seed++).item<double>();
    return sum;
  };
  const auto slope = [&] {
    const at::AutoGradMode enabled(true);
    return weighted(gradients_of(function, of, false), 51).item<double>();
  };
  const Tensors first = gradients_of(function, of, true);
  const Tensors second = torch::autograd::grad({weighted(first, 51)}, of, {}, false, false, true);
  for (size_t i = 0; i < of.size(); ++i) {
    const std::string place = what + ", tensor " + std::to_string(i);
    ASSERT_TRUE(first[i].defined() && second[i].defined()) << place;
    EXPECT_GT(first[i].abs().max().item<double>(), 1e-6) << place;
    EXPECT_GT(second[i].abs().max().item<double>(), 1e-6) << place;
    expect_near(place + ", first derivative", first[i], of[i], value, tolerance);
    expect_near(place + ", second derivative", second[i], of[i], slope, 10 * tolerance);
  }
}

}  // namespace attune::test
