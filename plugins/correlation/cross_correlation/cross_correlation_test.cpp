#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

using test::Given;

const Given raw{{"raw", true}};

Given lag(int64_t cells, bool raw_sum = false) { return {{"lag", cells}, {"raw", raw_sum}}; }

// The second map moves by every shift inside a frame of zeros; the largest sum of products wins.
at::Tensor by_definition(const at::Tensor& a, const at::Tensor& b, int64_t most, bool raw_sum) {
  const int64_t rank = a.dim() - 2, side = 2 * most + 1;
  const at::Tensor framed = at::constant_pad_nd(b, std::vector<int64_t>(static_cast<size_t>(2 * rank), most));
  int64_t count = 1;
  for (int64_t i = 0; i < rank; ++i) count *= side;
  test::Tensors sums;
  for (int64_t code = 0; code < count; ++code) {
    at::Tensor moved = framed;
    for (int64_t i = 0, rest = code; i < rank; ++i, rest /= side) {
      moved = moved.narrow(i + 2, rest % side, a.size(i + 2));
    }
    const at::Tensor sum = (a * moved).flatten(1).sum(1);
    sums.push_back(raw_sum ? sum.abs() : sum);
  }
  const at::Tensor largest = at::stack(sums).amax(0);
  const at::Tensor norms = (a.square().flatten(1).sum(1) * b.square().flatten(1).sum(1)).sqrt();
  return raw_sum ? largest : largest / norms;
}

TEST(CrossCorrelation, IsTheNormalisedSumOfProducts) {
  const at::Tensor a = at::tensor({3.0, 0.0, 4.0}, at::kDouble).view({1, 1, 3});
  const at::Tensor b = at::tensor({0.0, 2.0, 2.0}, at::kDouble).view({1, 1, 3});
  EXPECT_NEAR(test::correlate("cross_correlation", {}, a, b).item<double>(), 8 / (5 * std::sqrt(8.0)), 1e-12);
  EXPECT_NEAR(test::correlate("cross_correlation", raw, a, -b).item<double>(), 8, 1e-12);
  EXPECT_NEAR(test::correlate("cross_correlation", lag(1), a, b).item<double>(), 8 / (5 * std::sqrt(8.0)), 1e-12);
}

TEST(CrossCorrelation, AtEveryLag) {
  for (const int64_t most : {0, 1, 3}) {
    for (const bool raw_sum : {false, true}) {
      test::expect_values("cross_correlation", lag(most, raw_sum),
                          [&](const at::Tensor& a, const at::Tensor& b) { return by_definition(a, b, most, raw_sum); });
    }
  }
}

TEST(CrossCorrelation, FindsAShiftedMap) {
  const at::Tensor a = at::zeros({2, 1, 8, 8}, at::kDouble), b = at::zeros({2, 1, 8, 8}, at::kDouble);
  a.slice(2, 3, 5).slice(3, 3, 6).copy_(test::seeded({2, 1, 2, 3}, 1));
  b.slice(2, 4, 6).slice(3, 1, 4).copy_(a.slice(2, 3, 5).slice(3, 3, 6));
  EXPECT_TRUE(at::allclose(test::correlate("cross_correlation", lag(2), a, b), at::ones({2}, at::kDouble)));
  EXPECT_LT(test::correlate("cross_correlation", lag(1), a, b).max().item<double>(), 0.99);
}

TEST(CrossCorrelation, TriesNoShiftWithoutOverlap) {
  const at::Tensor a = at::ones({1, 1, 2}, at::kDouble);
  EXPECT_NEAR(test::correlate("cross_correlation", lag(5), a, -a).item<double>(), -0.5, 1e-12);
}

TEST(CrossCorrelation, OfAMapWithItself) {
  for (const auto& [a, b] : test::map_pairs()) {
    for (const int64_t most : {0, 16}) {
      EXPECT_TRUE(at::allclose(test::correlate("cross_correlation", lag(most), a, a), at::ones({3}, at::kDouble)));
    }
    EXPECT_TRUE(at::allclose(test::correlate("cross_correlation", {}, a, -3 * a), -at::ones({3}, at::kDouble)));
  }
}

TEST(CrossCorrelation, BatchRangeAndDerivatives) {
  test::expect_properties("cross_correlation", {});
  test::expect_properties("cross_correlation", lag(2));
}

TEST(CrossCorrelation, DerivativesOfTheRawSum) {
  for (const auto& [a, b] : test::map_pairs()) {
    const test::Function function = [](const test::Tensors& maps) {
      return test::Tensors{0.01 * test::correlate("cross_correlation", lag(1, true), maps[0], maps[1])};
    };
    test::expect_derivatives_are_finite_differences(function, {a, b}, test::rank_of(a));
  }
}

TEST(CrossCorrelation, TinyAndHugeMaps) {
  test::expect_scale_does_not_matter("cross_correlation", {});
  test::expect_scale_does_not_matter("cross_correlation", lag(1));
}

TEST(CrossCorrelation, NearlyConstantMaps) {
  test::expect_constant_rows_are_finite("cross_correlation", {});
  test::expect_constant_rows_are_finite("cross_correlation", lag(1));
}

}  // namespace
}  // namespace attune
