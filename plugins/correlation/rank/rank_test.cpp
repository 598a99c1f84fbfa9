#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

using test::Given;

Given with_pairs(double sharpness, int64_t distances) { return {{"sharpness", sharpness}, {"distances", distances}}; }

// Over all pairs; with an infinite sharpness Kendall's tau-b.
at::Tensor soft_tau(const at::Tensor& a, const at::Tensor& b, double sharpness) {
  const auto scores = [](const at::Tensor& map) {
    const at::Tensor rows = map.flatten(1);
    return (rows - rows.mean(1, true)) / rows.std(1, /*unbiased=*/false, true);
  };
  const at::Tensor x = scores(a), y = scores(b), result = at::zeros({x.size(0)}, at::kDouble);
  const auto p = x.accessor<double, 2>(), q = y.accessor<double, 2>();
  const auto sign = [&](double difference) {
    return std::isinf(sharpness) ? double(difference > 0) - double(difference < 0) : std::tanh(sharpness * difference);
  };
  for (int64_t n = 0; n < x.size(0); ++n) {
    double both = 0, first = 0, second = 0;
    for (int64_t i = 0; i < x.size(1); ++i) {
      for (int64_t j = 0; j < i; ++j) {
        const double s = sign(p[n][i] - p[n][j]), t = sign(q[n][i] - q[n][j]);
        both += s * t, first += s * s, second += t * t;
      }
    }
    result[n] = both / std::sqrt(first * second);
  }
  return result;
}

TEST(Rank, IsTheSoftTauOverAllPairs) {
  for (const double sharpness : {0.5, 5.0}) {
    test::expect_values("rank", with_pairs(sharpness, 4096),
                        [&](const auto& a, const auto& b) { return soft_tau(a, b, sharpness); });
  }
}

TEST(Rank, WithoutSoftnessIsKendallsTau) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor tau = soft_tau(a, b, INFINITY);
    EXPECT_LT((test::correlate("rank", with_pairs(1e4, 4096), a, b) - tau).abs().max().item<double>(), 2e-3);
  }
}

TEST(Rank, FewerDistancesAreNear) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor all = test::correlate("rank", with_pairs(5, 4096), a, b);
    EXPECT_LT((test::correlate("rank", with_pairs(5, 8), a, b) - all).abs().max().item<double>(), 0.2);
  }
}

TEST(Rank, OfRisingAndFallingFunctions) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor one = at::ones({3}, at::kDouble);
    EXPECT_TRUE(at::allclose(test::correlate("rank", with_pairs(1e4, 4096), a, a.exp()), one, 1e-2));
    EXPECT_TRUE(at::allclose(test::correlate("rank", {}, a, -3 * a + 1), -one));
  }
}

TEST(Rank, BatchRangeAndDerivatives) { test::expect_properties("rank", with_pairs(2, 16)); }

TEST(Rank, TinyAndHugeMaps) { test::expect_scale_does_not_matter("rank", {}); }

TEST(Rank, NearlyConstantMaps) { test::expect_constant_rows_are_finite("rank", {}); }

}  // namespace
}  // namespace attune
