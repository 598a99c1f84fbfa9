#include <gtest/gtest.h>

#include "correlations.h"

namespace attune {
namespace {

at::Tensor cosine_of(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(1), y = b.flatten(1);
  return at::einsum("np,np->n", {x, y}) / (at::einsum("np,np->n", {x, x}) * at::einsum("np,np->n", {y, y})).sqrt();
}

TEST(Cosine, IsTheSumOfProductsOverTheNorms) { test::expect_values("cosine", {}, cosine_of); }

TEST(Cosine, IsCrossCorrelationWithoutShifts) {
  for (const auto& [a, b] : test::map_pairs()) {
    EXPECT_TRUE(at::allclose(test::correlate("cosine", {}, a, b), test::correlate("cross_correlation", {}, a, b)));
    EXPECT_TRUE(at::allclose(test::correlate("cosine", {}, a, 3 * a), at::ones({3}, at::kDouble)));
  }
}

TEST(Cosine, BatchRangeAndDerivatives) { test::expect_properties("cosine", {}); }

TEST(Cosine, TinyAndHugeMaps) { test::expect_scale_does_not_matter("cosine", {}); }

TEST(Cosine, NearlyConstantMaps) { test::expect_constant_rows_are_finite("cosine", {}); }

}  // namespace
}  // namespace attune
