#include <cmath>
#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

TEST(ActivationMap, IsTheMeanOfMagnitudesToAPower) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    Needs needs;
    needs.captures = {{"act"}};
    const at::Tensor features = model.forward(x, needs, false)->activation("act");
    for (const double power : {0.5, 1.0, 2.0, 3.0}) {
      at::Tensor expected = at::zeros_like(features.narrow(1, 0, 1));
      for (int64_t k = 0; k < features.size(1); ++k) expected += features.narrow(1, k, 1).abs().pow(power);
      const at::Tensor map = test::map_of(model, x, "activation_map", {{"layer", "act"}, {"power", power}}, 0);
      EXPECT_TRUE(at::allclose(map, expected / double(features.size(1)), 1e-9, 1e-12)) << rank << power;
    }
  }
}

TEST(ActivationMap, IsTheSameForEveryTarget) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({1, 3, 16, 16}, 2);
  EXPECT_TRUE(
      at::equal(test::map_of(model, x, "activation_map", {}, 0), test::map_of(model, x, "activation_map", {}, 3)));
}

TEST(ActivationMap, BatchEqualsSamples) { test::expect_batch_equals_samples("activation_map"); }

TEST(ActivationMap, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    test::expect_gradients_are_finite_differences(test::model_of_rank(rank, "torch.tanh(x)"),
                                                  test::input_of_rank(rank, 2, 14), "activation_map",
                                                  {{"layer", "act"}}, /*unused=*/1);
  }
}

}  // namespace
}  // namespace attune
