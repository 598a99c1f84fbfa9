#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

constexpr uint64_t map_seed = 11;

at::Tensor expected_map(TorchScriptModel& model, const at::Tensor& x, Given given) {
  given["channels"] = std::string("keep");
  const auto method = test::own_plugins().make_method("expected_gradients", given);
  const auto pass = model.forward(x, method->needs(model), false, at::detail::createCPUGenerator(map_seed));
  return method->attend(*pass, Target(at::ones({x.size(0)}, at::kLong))).values;
}

// The same, draw by draw and sample by sample, of the gradient that the module itself gives.
at::Tensor draw_by_draw(TorchScriptModel& model, const at::Tensor& x, int64_t samples, const std::string& baselines,
                        double size) {
  at::Generator generator = at::detail::createCPUGenerator(map_seed);
  const at::Tensor places = at::rand({samples}, generator, at::kDouble);
  auto shape = x.sizes().vec();
  shape[0] = samples;
  const at::Tensor draws = baselines == "blur" ? at::rand({samples}, generator, at::kDouble)
                                               : at::randn(shape, generator, at::kFloat).to(at::kDouble);
  std::vector<at::Tensor> maps;
  for (int64_t i = 0; i < x.size(0); ++i) {
    const at::Tensor sample = x.narrow(0, i, 1);
    at::Tensor mean = at::zeros_like(sample);
    for (int64_t k = 0; k < samples; ++k) {
      const at::Tensor base = baselines == "blur" ? test::blurred_by_hand(sample, draws[k].item<double>() * size)
                                                  : draws.narrow(0, k, 1) * size;
      const double place = (static_cast<double>(k) + places[k].item<double>()) / static_cast<double>(samples);
      const at::Tensor at = (base + place * (sample - base)).requires_grad_();
      const at::Tensor gradient = torch::autograd::grad({model.module_output(at, true)[0][1]}, {at})[0];
      mean += (sample - base) * gradient / samples;
    }
    maps.push_back(mean);
  }
  return at::cat(maps);
}

TEST(ExpectedGradients, EqualTheirDrawsOneByOne) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 150);
    const at::Tensor noisy = expected_map(model, x, {{"samples", int64_t{20}}, {"noise", 0.7}});
    EXPECT_TRUE(at::allclose(noisy, draw_by_draw(model, x, 20, "noise", 0.7), 1e-9, 1e-12)) << rank;
    const Given blur{{"samples", int64_t{20}}, {"baselines", std::string("blur")}, {"blur", 0.5}};
    EXPECT_TRUE(at::allclose(expected_map(model, x, blur), draw_by_draw(model, x, 20, "blur", 0.5), 1e-9, 1e-12))
        << rank;
  }
}

TEST(ExpectedGradients, OfOneBaselineTendToIntegratedGradients) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 151);
  const at::Tensor integrated =
      test::map_of(model, x, "integrated_gradients", {{"steps", int64_t{200}}, {"baseline", 0.4}}, 1);
  const Given given{{"samples", int64_t{400}}, {"baselines", 0.4}};
  const at::Tensor map = expected_map(model, x, given).sum(1, true);
  EXPECT_LT((map - integrated).abs().max().item<double>(), 0.01 * integrated.abs().max().item<double>());
}

// The sum is the score less the baselines' mean score, as far as the draws go.
TEST(ExpectedGradients, AddUpInTheMean) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 152);
  const at::Tensor noise = test::seeded({4000, 2, 4, 5}, 153);
  const at::Tensor gain = (model.module_output(x, false) - model.module_output(noise, false).mean(0)).select(1, 1);
  const at::Tensor sum = expected_map(model, x, {{"samples", int64_t{1000}}}).sum({1, 2, 3});
  EXPECT_LT((sum - gain).abs().max().item<double>(), 0.1 * gain.abs().max().item<double>()) << sum << gain;
}

TEST(ExpectedGradients, AreOfTheirSeed) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 154);
  const std::vector<MapRequest> requests{{"a", test::own_plugins().make_method("expected_gradients")},
                                         {"b", test::own_plugins().make_method("expected_gradients")}};
  const auto maps = [&](uint64_t seed) {
    return compute_maps(model, x, requests, {TargetChoice::parse("1", {})}, false, seed).maps;
  };
  const auto once = maps(1), again = maps(1), other = maps(2);
  EXPECT_TRUE(at::equal(once[0][0].values, again[0][0].values));
  EXPECT_FALSE(at::allclose(once[0][0].values, other[0][0].values));
  EXPECT_FALSE(at::allclose(once[0][0].values, once[1][0].values)) << "two maps of one call";
}

TEST(ExpectedGradients, BatchEqualsSamples) {
  for (const std::string baselines : {"noise", "blur"}) {
    test::expect_batch_equals_samples("expected_gradients", {{"baselines", baselines}});
  }
}

// The blurred baseline is made of the input, and hands on its part of the gradient.
TEST(ExpectedGradients, GradientsAreFiniteDifferences) {
  for (const std::string baselines : {"noise", "blur"}) {
    const Given given{{"samples", int64_t{3}}, {"baselines", baselines}, {"blur", 0.5}};
    test::expect_gradients_are_finite_differences("expected_gradients", given, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
