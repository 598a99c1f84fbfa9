#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

// test::biased_model("torch.relu(x)"), multiplier by multiplier.
at::Tensor shares_by_hand(const test::Module& module, const at::Tensor& x, double baseline, int64_t target) {
  const auto of = [&](const char* layer, const char* name) {
    return module.attr(layer).toModule().attr(name).toTensor().detach();
  };
  const at::Tensor factor = of("norm", "w0") / (of("norm", "var") + 0.01).sqrt();
  const auto before = [&](const at::Tensor& input) {  // what both rectifiers are given
    const at::Tensor z1 =
        at::batch_norm(at::conv2d(input, of("conv1", "w0"), of("conv1", "w1"), 2, 1), of("norm", "w0"),
                       of("norm", "w1"), of("norm", "mean"), of("norm", "var"), false, 0, 0.01, false);
    return std::pair(z1, at::conv2d(z1.relu(), of("conv2", "w0"), of("conv2", "w1"), 1, 1));
  };
  const auto at_input = before(x), at_baseline = before(at::full_like(x, baseline));
  const auto slope = [](const at::Tensor& a, const at::Tensor& b) { return (a.relu() - b.relu()) / (a - b); };
  const double cells = static_cast<double>(at_input.second.size(2) * at_input.second.size(3));
  at::Tensor m = of("fc", "w0")[target].view({1, -1, 1, 1}) / cells * slope(at_input.second, at_baseline.second);
  m = at::conv_transpose2d(m, of("conv2", "w0"), {}, 1, 1) * slope(at_input.first, at_baseline.first);
  m = at::conv_transpose2d(m * factor.view({1, -1, 1, 1}), of("conv1", "w0"), {}, 2, 1);
  return (x - baseline) * m;
}

TEST(DeepLift, EqualsItsMultipliersByHand) {
  const auto module = test::biased_model("torch.relu(x)");
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 190);
  for (const double baseline : {0.0, 0.6}) {
    for (const bool graph : {false, true}) {
      const Given given{{"baseline", baseline}, {"channels", "keep"}};
      const at::Tensor map = test::map_of(model, x, "deep_lift", given, 2, graph);
      const at::Tensor expected = shares_by_hand(module, x, baseline, 2);
      EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << baseline << graph << (map - expected).abs().max();
    }
  }
}

// Every activation and pooling that it reaches, alone between a convolution and a linear layer.
TEST(DeepLift, AddsUpToWhatTheScoreGains) {
  for (const char* code :
       {"torch.relu(x)", "torch.leaky_relu(x, 0.2)", "torch.gelu(x)", "torch.silu(x)", "x * torch.sigmoid(1.7 * x)",
        "torch.elu(x)", "torch.softplus(x)", "torch.tanh(x)", "torch.sigmoid(x)", "torch.hardtanh(x, 0., 0.5)",
        "torch.sigmoid(torch.tanh(x) + torch.relu(x))", "torch.max_pool2d(torch.relu(x), [2, 2], [2, 2])",
        "torch.max_pool2d(x, [3, 3], [1, 1], [1, 1])", "torch.avg_pool2d(torch.relu(x), [2, 2], [2, 2])"}) {
    TorchScriptModel model(test::model_of_rank(2, code));
    const at::Tensor x = test::input_of_rank(2, 3, 191);
    for (const double baseline : {0.0, 0.6}) {
      const at::Tensor sum = test::map_of(model, x, "deep_lift", {{"baseline", baseline}}, 1).sum({1, 2, 3});
      const at::Tensor gain =
          (model.module_output(x, false) - model.module_output(at::full_like(x, baseline), false)).select(1, 1);
      EXPECT_TRUE(at::allclose(sum, gain, 1e-9, 1e-12)) << code << baseline << sum << gain;
    }
  }
}

TEST(DeepLift, AddsUpInOneAndThreeDimensions) {
  for (const int64_t rank : {1, 3}) {
    const std::string pool = "torch.max_pool" + std::to_string(rank) + "d(torch.relu(x), [2])";
    TorchScriptModel model(test::model_of_rank(rank, pool));
    const at::Tensor x = test::input_of_rank(rank, 2, 192);
    const at::Tensor sum = test::map_of(model, x, "deep_lift", {}, 1).flatten(1).sum(1);
    const at::Tensor gain =
        (model.module_output(x, false) - model.module_output(at::zeros_like(x), false)).select(1, 1);
    EXPECT_TRUE(at::allclose(sum, gain, 1e-9, 1e-12)) << rank << sum << gain;
  }
}

// A pixel that is the baseline's has the derivative for its slope, and no share.
TEST(DeepLift, OfTheBaselineItselfIsZero) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = at::full({1, 2, 4, 5}, 0.6, at::kDouble);
  EXPECT_TRUE(
      at::equal(test::map_of(model, x, "deep_lift", {{"baseline", 0.6}}, 1), at::zeros({1, 1, 4, 5}, at::kDouble)));
}

TEST(DeepLift, BatchEqualsSamples) { test::expect_batch_equals_samples("deep_lift"); }

TEST(DeepLift, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("deep_lift", {{"baseline", 0.3}}, "torch.tanh(x)");
  test::expect_gradients_are_finite_differences(test::model_of_rank(2, "torch.max_pool2d(torch.sigmoid(x), [2, 2])"),
                                                test::input_of_rank(2, 2, 193), "deep_lift", {});
}

}  // namespace
}  // namespace attune
