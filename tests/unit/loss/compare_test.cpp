// Normalising and comparing, and what becomes of constant maps.
#include <gtest/gtest.h>

#include "loss/parts.h"
#include "support.h"

namespace attune::test {
namespace {

class Product final : public Correlation {
 public:
  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    rows = a.values.size(0);
    return (a.values * b.values).flatten(1).mean(1);
  }
  mutable int64_t rows = 0;
};

Agreement compared(const at::Tensor& a, const at::Tensor& b, Normalise normalise = Normalise::none) {
  return compare({a, false}, {b, false}, {normalise, "product", std::make_shared<Product>()});
}

TEST(Compare, NormalisesEverySample) {
  const at::Tensor a = seeded({2, 1, 3, 4}, 1),
                   ones = at::ones({2, 1, 3, 4}, at::kDouble) + seeded({2, 1, 3, 4}, 2) * 1e-9;
  for (int64_t i = 0; i < 2; ++i) {
    const at::Tensor cells = a[i].flatten();
    const double mean = cells.mean().item<double>(), std = cells.std().item<double>();
    const at::Tensor z = (cells - mean) / std;
    const auto at_row = [&](Normalise normalise) {
      // Against itself: the mean square of what the correlation is given.
      return compared(a, a, normalise).values[i].item<double>();
    };
    EXPECT_NEAR(at_row(Normalise::none), cells.square().mean().item<double>(), 1e-12);
    EXPECT_NEAR(at_row(Normalise::standardise), z.square().mean().item<double>(), 1e-12);
    EXPECT_NEAR(at_row(Normalise::standardise_sigmoid), at::sigmoid(z).square().mean().item<double>(), 1e-12);
    const at::Tensor scaled = (cells - cells.min()) / (cells.max() - cells.min());
    EXPECT_NEAR(at_row(Normalise::minmax), scaled.square().mean().item<double>(), 1e-12);
  }
}

TEST(Compare, KeepsConstantRowsFromTheCorrelation) {
  at::Tensor a = seeded({3, 1, 4, 4}, 1), b = seeded({3, 1, 4, 4}, 2);
  a[1].fill_(0.1);
  a.requires_grad_();
  b.requires_grad_();
  for (const auto normalise :
       {Normalise::none, Normalise::standardise, Normalise::standardise_sigmoid, Normalise::minmax}) {
    const auto product = std::make_shared<Product>();
    const Agreement found = compare({a, false}, {b, false}, {normalise, "product", product});
    EXPECT_EQ(product->rows, 2);
    EXPECT_TRUE(at::equal(found.degenerate, at::tensor({0, 1, 0}).to(at::kBool)));
    EXPECT_EQ(found.values[1].item<double>(), 0);
    const auto gradients = torch::autograd::grad({found.values.sum()}, {a, b});
    for (const at::Tensor& gradient : gradients) {
      EXPECT_TRUE(at::isfinite(gradient).all().item<bool>());
      EXPECT_EQ(gradient[1].abs().max().item<double>(), 0);
      EXPECT_GT(gradient[0].abs().max().item<double>(), 0);
    }
  }
}

TEST(Compare, ConstantButForRoundingIsConstant) {
  const at::Tensor a = at::full({1, 1, 8, 8}, 0.3f) + at::rand({1, 1, 8, 8}) * 1e-8f, b = at::rand({1, 1, 8, 8});
  EXPECT_TRUE(compared(a, b).degenerate.item<bool>());
  EXPECT_TRUE(compared(b, at::zeros_like(b)).degenerate.item<bool>());
  EXPECT_FALSE(compared(b * 1e-28, b).degenerate.item<bool>());
}

TEST(Compare, TinyMapsAreStandardisedAllTheSame) {
  const at::Tensor a = seeded({1, 1, 8, 8}, 1).to(at::kFloat), b = seeded({1, 1, 8, 8}, 2).to(at::kFloat);
  for (const auto normalise : {Normalise::standardise, Normalise::minmax}) {
    EXPECT_TRUE(at::allclose(compared(a * 1e-25, b, normalise).values, compared(a, b, normalise).values, 1e-4, 1e-6));
  }
}

// Divided by so small a magnitude a gradient would be infinite.
TEST(Compare, DenormalMapsAreConstant) {
  const at::Tensor b = at::rand({1, 1, 2, 2});
  const at::Tensor a = (b * 1e-40f).requires_grad_();
  for (const auto normalise : {Normalise::none, Normalise::standardise, Normalise::minmax}) {
    const Agreement found = compared(a, b, normalise);
    EXPECT_TRUE(found.degenerate.item<bool>());
    EXPECT_EQ(torch::autograd::grad({found.values.sum()}, {a})[0].abs().max().item<float>(), 0);
  }
}

TEST(Compare, LeavesOutRowsThatTheCallerNames) {
  const at::Tensor a = seeded({2, 1, 3, 3}, 1), b = seeded({2, 1, 3, 3}, 2);
  const Agreement found = compare({a, false}, {b, false}, {Normalise::none, "product", std::make_shared<Product>()},
                                  at::tensor({0, 1}).to(at::kBool));
  EXPECT_EQ(found.values[0].item<double>(), compared(a, b).values[0].item<double>());
  EXPECT_EQ(found.values[1].item<double>(), 0);
  EXPECT_TRUE(at::equal(found.degenerate, at::tensor({0, 1}).to(at::kBool)));
}

TEST(Compare, RefusesMapsOfTwoShapes) {
  const std::string said = message_of(Fault::run, [] { compared(at::rand({1, 1, 2, 2}), at::rand({1, 1, 2, 3})); });
  EXPECT_EQ(said, "maps of the shapes [1, 1, 2, 2] and [1, 1, 2, 3] cannot be compared");
}

}  // namespace
}  // namespace attune::test
