#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "methods.h"

namespace attune {
namespace {

using test::Given;

constexpr uint64_t seed = 7;

const ComponentSpec cam{"gradcam", {{"layer", std::string("act")}}};

// The map of class 1 from a pass whose noise is known.
at::Tensor smoothed(TorchScriptModel& model, const at::Tensor& x, const Given& given, bool graph = false) {
  const auto made = test::own_plugins().make_method("smooth", given);
  const auto pass = model.forward(x, made->needs(model), graph, at::detail::createCPUGenerator(seed));
  return made->attend(*pass, Target(at::ones({x.size(0)}, at::kLong))).values;
}

// The same, sample by sample and draw by draw, of the gradient that the module itself gives.
at::Tensor reference(TorchScriptModel& model, const at::Tensor& x, int64_t samples, double noise,
                     const std::string& statistic) {
  auto shape = x.sizes().vec();
  shape[0] = samples;
  const at::Tensor draws = at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat).to(at::kDouble);
  std::vector<at::Tensor> maps;
  for (int64_t i = 0; i < x.size(0); ++i) {
    const double deviation = (x[i].max() - x[i].min()).item<double>() * noise;
    std::vector<at::Tensor> gradients;
    for (int64_t draw = 0; draw < samples; ++draw) {
      const at::Tensor noisy = (x[i] + deviation * draws[draw]).unsqueeze(0).requires_grad_();
      gradients.push_back(torch::autograd::grad({model.module_output(noisy, true)[0][1]}, {noisy})[0]);
    }
    const at::Tensor all = at::cat(gradients);
    const at::Tensor mean = all.mean(0, true);
    if (statistic == "mean") maps.push_back(mean);
    if (statistic == "mean_square") maps.push_back((all * all).mean(0, true));
    if (statistic == "variance") maps.push_back((all * all).mean(0, true) - mean * mean);
  }
  return at::cat(maps);
}

TEST(Smooth, IsTheStatisticOfGradientsOfNoisyInputs) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 1);
    for (const std::string statistic : {"mean", "mean_square", "variance"}) {
      const at::Tensor map = smoothed(model, x, {{"samples", int64_t{20}}, {"noise", 0.3}, {"statistic", statistic}});
      EXPECT_TRUE(at::allclose(map, reference(model, x, 20, 0.3, statistic), 1e-9, 1e-12)) << rank << statistic;
    }
  }
}

TEST(Smooth, WithoutNoiseIsTheMethodItself) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 2);
  const at::Tensor map = test::map_of(model, x, "smooth", {{"of", cam}, {"noise", 0.0}}, 2);
  EXPECT_TRUE(at::allclose(map, test::map_of(model, x, "gradcam", cam.parameters, 2), 1e-9, 1e-12));
  EXPECT_GT((map - test::map_of(model, x, "smooth", {{"of", cam}}, 2)).abs().max().item<double>(), 1e-3);
}

TEST(Smooth, TargetsShareTheNoisyPasses) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 4);
  const ComponentSpec random{"smooth", {{"of", cam}, {"samples", int64_t{2}}}};
  for (const ComponentSpec& of : {cam, ComponentSpec{"saliency", {}}, random}) {
    const std::vector<MapRequest> requests{
        {"smooth", test::own_plugins().make_method("smooth", {{"of", of}, {"samples", int64_t{20}}})}};
    const auto of_target = [&](const std::vector<std::string>& targets) {
      std::vector<TargetChoice> choices;
      for (const std::string& target : targets) choices.push_back(TargetChoice::parse(target, {}));
      return compute_maps(model, x, requests, choices).maps[0];
    };
    const auto both = of_target({"3", "1"});
    EXPECT_TRUE(at::allclose(both[0].values, of_target({"3"})[0].values, 1e-9, 1e-12)) << of.id;
    EXPECT_TRUE(at::allclose(both[1].values, of_target({"1"})[0].values, 1e-9, 1e-12)) << of.id;
    EXPECT_EQ(both[0].layers, of.id == "saliency" ? std::vector<std::string>{} : std::vector<std::string>{"act"});
  }
}

TEST(Smooth, BatchEqualsSamples) {
  test::expect_batch_equals_samples("smooth");
  test::expect_batch_equals_samples("smooth", {{"of", cam}, {"samples", int64_t{5}}});
}

// What the nested method draws does not depend on how many draws of noise share a pass.
TEST(Smooth, BatchEqualsSamplesOfRandomMethods) {
  const ComponentSpec inner{"smooth", {{"of", cam}, {"samples", int64_t{3}}}};
  test::expect_batch_equals_samples("smooth", {{"of", inner}, {"samples", int64_t{20}}});
}

TEST(Smooth, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("smooth", {{"samples", int64_t{3}}}, "torch.tanh(x)");
  for (const std::string statistic : {"mean", "variance"}) {
    test::expect_gradients_are_finite_differences(
        "smooth", {{"of", cam}, {"samples", int64_t{3}}, {"statistic", statistic}}, "torch.tanh(x)");
  }
}

TEST(Smooth, CountsThePassesOfItsMethod) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const auto passes = [&](const Given& given) {
    const Needs needs = test::own_plugins().make_method("smooth", given)->needs(model);
    return std::pair(needs.forward_passes, needs.backward_passes);
  };
  EXPECT_EQ(passes({{"of", cam}, {"samples", int64_t{5}}}), std::pair(6.0, 5.0));
  const ComponentSpec inner{"smooth", {{"samples", int64_t{3}}}};
  EXPECT_EQ(passes({{"of", inner}, {"samples", int64_t{5}}}), std::pair(21.0, 15.0));
  const ComponentSpec hidden{"smooth", {{"of", ComponentSpec{"occlusion", {}}}, {"samples", int64_t{3}}}};
  EXPECT_EQ(passes({{"of", hidden}, {"samples", int64_t{5}}}), std::pair(1.0 + 5 * (1 + 3 * 170), 0.0));
}

TEST(Smooth, RefusesAVarianceThatIsZeroEverywhere) {
  const auto refusal = [](Given given) {
    given["statistic"] = std::string("variance");
    return test::message_of(Fault::spec, [&] { test::own_plugins().make_method("smooth", given); });
  };
  EXPECT_EQ(refusal({{"samples", int64_t{1}}}),
            "method \"smooth\": parameter \"samples\" must be at least 2 for the variance, not 1");
  EXPECT_EQ(refusal({{"noise", 0.0}}),
            "method \"smooth\": parameter \"noise\" must be above 0 for the variance, which is 0 everywhere without "
            "noise");
}

}  // namespace
}  // namespace attune
