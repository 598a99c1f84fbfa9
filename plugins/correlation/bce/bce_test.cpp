#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

using test::Given;

Given of_cells(const std::string& where, bool logits) { return {{"where", where}, {"logits", logits}}; }

at::Tensor cross_entropy_of(const at::Tensor& a, const at::Tensor& b, bool inside, bool logits) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1), result = at::zeros({x.size(0)}, at::kDouble);
  const auto f = x.accessor<double, 2>(), g = y.accessor<double, 2>();
  for (int64_t n = 0; n < x.size(0); ++n) {
    double sum = 0, count = 0;
    for (int64_t i = 0; i < x.size(1); ++i) {
      const double p = std::clamp(logits ? 1 / (1 + std::exp(-f[n][i])) : f[n][i], 1e-6, 1 - 1e-6);
      const double mask = std::clamp(g[n][i], 0.0, 1.0);
      sum += mask * std::log(p) + (inside ? 0 : (1 - mask) * std::log(1 - p));
      count += inside ? mask : 1;
    }
    result[n] = sum / count;
  }
  return result;
}

TEST(CrossEntropy, IsMinusTheCrossEntropy) {
  for (const bool inside : {false, true}) {
    for (const bool logits : {false, true}) {
      test::expect_values("bce", of_cells(inside ? "inside" : "everywhere", logits),
                          [&](const auto& a, const auto& b) { return cross_entropy_of(a, b, inside, logits); });
    }
  }
}

TEST(CrossEntropy, BatchRangeAndDerivatives) {
  test::expect_properties("bce", of_cells("everywhere", true));
  test::expect_properties("bce", of_cells("inside", true));
}

// Probabilities away from the ends, where the derivative of a logarithm is moderate.
TEST(CrossEntropy, DerivativesOfProbabilities) {
  const test::Function function = [](const test::Tensors& maps) {
    return test::Tensors{test::correlate("bce", {}, maps[0], maps[1])};
  };
  const at::Tensor a = 0.5 + 0.3 * test::seeded({2, 1, 3, 4}, 1).tanh(),
                   b = 0.5 + 0.4 * test::seeded({2, 1, 3, 4}, 2).tanh();
  test::expect_derivatives_are_finite_differences(function, {a, b}, "bce of probabilities");
}

TEST(CrossEntropy, WithoutAnyMaskIsZeroWithoutGradient) {
  const at::Tensor a = test::seeded({2, 1, 3, 4}, 1).to(at::kFloat).requires_grad_();
  const at::Tensor h = test::correlate("bce", of_cells("inside", true), a, -at::ones({2, 1, 3, 4}));
  EXPECT_EQ(h.abs().max().item<double>(), 0);
  EXPECT_EQ(torch::autograd::grad({h.sum()}, {a})[0].abs().max().item<double>(), 0);
}

TEST(CrossEntropy, NearlyConstantMaps) {
  test::expect_constant_rows_are_finite("bce", {});
  test::expect_constant_rows_are_finite("bce", of_cells("inside", true));
}

}  // namespace
}  // namespace attune
