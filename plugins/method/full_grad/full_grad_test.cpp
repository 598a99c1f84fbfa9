#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

// The same network and its FullGrad of class 2, written out with LibTorch's operators.
at::Tensor written_out(const test::Module& module, const at::Tensor& input, bool rescale, bool by_channel = false,
                       bool simple = false) {
  const at::AutoGradMode mode(true);
  const auto of = [&](const char* layer, const char* name) {
    return module.attr(layer).toModule().attr(name).toTensor().detach();
  };
  const at::Tensor x = input.detach().requires_grad_();
  const at::Tensor z1 = at::conv2d(x, of("conv1", "w0"), of("conv1", "w1"), 2, 1);
  const at::Tensor z2 = at::batch_norm(z1, of("norm", "w0"), of("norm", "w1"), of("norm", "mean"), of("norm", "var"),
                                       false, 0, 0.01, false);
  const at::Tensor z3 = at::conv2d(z2.relu(), of("conv2", "w0"), of("conv2", "w1"), 1, 1);
  const at::Tensor y = at::linear(z3.relu().mean({2, 3}), of("fc", "w0"), of("fc", "w1"));
  const auto g = torch::autograd::grad({y.select(1, 2).sum()}, {x, z1, z2, z3});
  const at::Tensor b2 = of("norm", "w1") - of("norm", "w0") * of("norm", "mean") / (of("norm", "var") + 0.01).sqrt();
  at::Tensor map = at::zeros_like(input.narrow(1, 0, 1));
  const auto add = [&](at::Tensor part) {
    part = part.abs();
    const auto rescaled = [](const at::Tensor& all) {  // where all are equal there is nothing to see
      return (all - all.min()) / std::max((all.max() - all.min()).item<double>(), 1e-300);
    };
    for (int64_t i = 0; rescale && i < part.size(0); ++i) {
      for (int64_t c = 0; by_channel && c < part.size(1); ++c) part[i][c] = rescaled(part[i][c]);
      if (!by_channel) part[i] = rescaled(part[i]);
    }
    map += at::upsample_bilinear2d(part, input.sizes().slice(2), false).sum(1, true);
  };
  const at::NoGradGuard done;
  add(x.detach() * g[0]);
  const auto times = [&](const at::Tensor& bias, const at::Tensor& gradient) {
    return simple ? gradient : bias.view({1, -1, 1, 1}) * gradient;
  };
  add(times(of("conv1", "w1"), g[1]));
  add(times(b2, g[2]));
  add(times(of("conv2", "w1"), g[3]));
  return map;
}

TEST(FullGrad, IsTheSumOfItsParts) {
  const auto module = test::biased_model("torch.relu(x)");
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 40);
  for (const bool rescale : {false, true}) {
    const at::Tensor map = test::map_of(model, x, "full_grad", {{"rescale", rescale}}, 2);
    ASSERT_EQ(map.sizes(), (at::IntArrayRef{2, 1, 9, 7}));
    EXPECT_TRUE(at::allclose(map, written_out(module, x, rescale))) << rescale;
  }
}

TEST(FullGrad, HasTheVariantsOfItsPeers) {
  const auto module = test::biased_model("torch.relu(x)");
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 45);
  const auto map = [&](const Given& given) { return test::map_of(model, x, "full_grad", given, 2); };
  EXPECT_TRUE(at::allclose(map({{"each", "channel"}}), written_out(module, x, true, /*by_channel=*/true)));
  EXPECT_TRUE(at::allclose(map({{"simple", true}}), written_out(module, x, true, false, /*simple=*/true)));
  EXPECT_FALSE(at::allclose(map({{"each", "channel"}}), map({})));
}

TEST(FullGrad, NamesTheLayersOfItsParts) {
  TorchScriptModel model(test::biased_model("torch.relu(x)"));
  const std::vector<MapRequest> requests{{"full", test::own_plugins().make_method("full_grad")}};
  const auto map =
      compute_maps(model, test::seeded({1, 3, 9, 7}, 41), requests, {TargetChoice::parse("0", {})}).maps[0][0];
  EXPECT_EQ(map.layers, (std::vector<std::string>{"conv1", "norm", "conv2"}));
}

// Without any bias it is the magnitude of the input times its gradient.
TEST(FullGrad, OfAModelWithoutBiasesIsThatOfTheInput) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 8, 8}, 42);
  const at::Tensor saliency = test::map_of(model, x, "saliency", {}, 1);
  EXPECT_TRUE(
      at::allclose(test::map_of(model, x, "full_grad", {{"rescale", false}}, 1), (saliency * x.abs()).sum(1, true)));
}

TEST(FullGrad, BatchEqualsSamples) {
  test::expect_batch_equals_samples("full_grad");
  test::expect_batch_equals_samples(test::biased_model("torch.relu(x)"), test::seeded({3, 3, 9, 7}, 43), "full_grad",
                                    {});
}

// Magnitudes have kinks, where no number of these happens to lie.
TEST(FullGrad, GradientsAreFiniteDifferences) {
  for (const Given& given : {Given{{"rescale", false}}, Given{}, Given{{"each", "channel"}}, Given{{"simple", true}}}) {
    test::expect_gradients_are_finite_differences(test::biased_model("torch.tanh(x)"), test::seeded({2, 3, 9, 7}, 44),
                                                  "full_grad", given, /*unused=*/1);
  }
}

}  // namespace
}  // namespace attune
