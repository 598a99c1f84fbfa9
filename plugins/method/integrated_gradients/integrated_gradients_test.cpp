#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

// The same, point by point, of the gradient that the module itself gives; class 1.
at::Tensor midpoints_one_by_one(TorchScriptModel& model, const at::Tensor& x, int64_t steps, double baseline) {
  at::Tensor mean = at::zeros_like(x);
  for (int64_t step = 0; step < steps; ++step) {
    const double place = (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
    const at::Tensor at = (baseline + place * (x - baseline)).requires_grad_();
    const at::Tensor score = model.module_output(at, true).select(1, 1).sum();
    mean += torch::autograd::grad({score}, {at})[0] / steps;
  }
  return (x - baseline) * mean;
}

// Twenty steps of three samples take several passes.
TEST(IntegratedGradients, EqualTheirPointsOneByOne) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 140);
    for (const double baseline : {0.0, 0.7}) {
      const Given given{{"steps", int64_t{20}}, {"baseline", baseline}, {"channels", "keep"}};
      const at::Tensor map = test::map_of(model, x, "integrated_gradients", given, 1);
      EXPECT_TRUE(at::allclose(map, midpoints_one_by_one(model, x, 20, baseline), 1e-9, 1e-12)) << rank << baseline;
    }
  }
}

TEST(IntegratedGradients, AddUpToWhatTheScoreGains) {
  for (const std::string act : {"torch.tanh(x)", "torch.relu(x)"}) {
    TorchScriptModel model(test::model_of_rank(2, act));
    const at::Tensor x = test::input_of_rank(2, 3, 141);
    for (const std::string rule : {"midpoint", "gauss_legendre"}) {
      for (const double baseline : {0.0, 0.7}) {
        const Given given{{"steps", int64_t{100}}, {"rule", rule}, {"baseline", baseline}};
        const at::Tensor sum = test::map_of(model, x, "integrated_gradients", given, 1).sum({1, 2, 3});
        const at::Tensor gain =
            (model.module_output(x, false) - model.module_output(at::full_like(x, baseline), false)).select(1, 1);
        EXPECT_LT((sum - gain).abs().max().item<double>(), 0.01 * gain.abs().max().item<double>())
            << act << " " << rule << " " << baseline;
      }
    }
  }
}

// A polynomial of degree 7 in x has a gradient of degree 6, which four points of Gauss and Legendre integrate exactly.
TEST(IntegratedGradients, GaussAndLegendreAreExactForPolynomials) {
  TorchScriptModel model(test::module("Power",
                                      "def forward(self, x):\n"
                                      "    return torch.matmul(torch.sum(torch.pow(x, 7.0), [2]), self.w0)\n",
                                      {test::seeded({2, 4}, 142)}));
  const at::Tensor x = test::input_of_rank(1, 2, 143);
  const at::Tensor score = model.module_output(x, false).select(1, 1);
  const auto sum = [&](int64_t steps) {
    const Given given{{"steps", steps}, {"rule", "gauss_legendre"}};
    return test::map_of(model, x, "integrated_gradients", given, 1).sum({1, 2});
  };
  EXPECT_TRUE(at::allclose(sum(4), score, 1e-9, 1e-12));
  EXPECT_FALSE(at::allclose(sum(3), score, 1e-4));
}

TEST(IntegratedGradients, TargetsShareTheirForwardPasses) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 144);
  const std::vector<MapRequest> requests{{"ig", test::own_plugins().make_method("integrated_gradients")}};
  const auto both =
      compute_maps(model, x, requests, {TargetChoice::parse("3", {}), TargetChoice::parse("1", {})}).maps[0];
  for (const auto& [index, target] : {std::pair{0, 3}, std::pair{1, 1}}) {
    EXPECT_TRUE(at::allclose(both[static_cast<size_t>(index)].values,
                             test::map_of(model, x, "integrated_gradients", {}, target), 1e-9, 1e-12));
  }
}

TEST(IntegratedGradients, CountTheirPasses) {
  TorchScriptModel model(test::small_model());
  const Needs needs = test::own_plugins().make_method("integrated_gradients", {{"steps", int64_t{5}}})->needs(model);
  EXPECT_EQ(std::pair(needs.forward_passes, needs.backward_passes), std::pair(6.0, 5.0));
}

TEST(IntegratedGradients, BatchEqualsSamples) { test::expect_batch_equals_samples("integrated_gradients"); }

TEST(IntegratedGradients, GradientsAreFiniteDifferences) {
  for (const std::string rule : {"midpoint", "gauss_legendre"}) {
    const Given given{{"steps", int64_t{3}}, {"rule", rule}, {"baseline", 0.3}};
    test::expect_gradients_are_finite_differences("integrated_gradients", given, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
