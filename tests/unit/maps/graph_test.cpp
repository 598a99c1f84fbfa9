// Maps with an autograd graph, and without one.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <attune/sdk/rules.h>

#include "support.h"

namespace attune::test {
namespace {

// d score / d x, whose derivative is not zero everywhere: the activation is smooth.
torch::jit::Module smooth_model() { return small_model("torch.tanh(x)"); }

MapSet maps_of(Model& model, const at::Tensor& input, bool graph) {
  return compute_maps(model, input, {input_gradient(), activation_of("act1")}, choices({"1"}), graph);
}

TEST(ComputeMapsGraph, ThereIsNoneUnlessAskedFor) {
  torch::jit::Module module = smooth_model();
  TorchScriptModel model(module);
  const MapSet set = maps_of(model, two_inputs(), false);
  EXPECT_FALSE(set.scores.requires_grad());
  EXPECT_FALSE(set.maps[0][0].values.requires_grad());
  EXPECT_FALSE(set.maps[1][0].values.requires_grad());
  // Not even for an input that has one, or a method that brings its own.
  const at::Tensor x = two_inputs().requires_grad_();
  EXPECT_FALSE(maps_of(model, x, false).maps[0][0].values.requires_grad());
  const MapRequest own = request("own", {}, [](Pass&, const Target&) {
    return AttentionMap{at::ones({2, 1, 4, 4}).requires_grad_().mul(2), true};
  });
  EXPECT_FALSE(compute_maps(model, two_inputs(), {own}, choices({"1"})).maps[0][0].values.requires_grad());
  EXPECT_TRUE(compute_maps(model, two_inputs(), {own}, choices({"1"}), true).maps[0][0].values.requires_grad());
}

TEST(ComputeMapsGraph, GradientsByRulesHaveNoneWhereTheirMapHasNone) {
  TorchScriptModel model(smooth_model());
  std::vector<bool> recorded;
  const auto asking = [&](const std::string& name, bool graph) {
    MapRequest made = request(name, {}, [&](Pass& pass, const Target& target) {
      auto* rules = static_cast<BackwardRules*>(pass.extension(BackwardRules::id));
      const at::Tensor gradient = rules->gradients(target, {pass.input()}, BackwardRules::activations)[0];
      recorded.push_back(gradient.requires_grad());
      return AttentionMap{gradient, true};
    });
    made.graph = graph;
    return made;
  };
  const MapSet set = compute_maps(model, two_inputs(), {asking("a", true), asking("b", false)}, choices({"1"}), true);
  EXPECT_EQ(recorded, (std::vector<bool>{true, false}));
  EXPECT_TRUE(at::equal(set.maps[0][0].values, set.maps[1][0].values));
}

TEST(ComputeMapsGraph, ReachesParametersAndInput) {
  torch::jit::Module module = smooth_model();
  TorchScriptModel model(module);
  const at::Tensor x = two_inputs().requires_grad_();
  const MapSet set = maps_of(model, x, true);
  ASSERT_TRUE(set.scores.requires_grad());
  ASSERT_TRUE(set.maps[0][0].values.requires_grad());
  std::vector<at::Tensor> of{x};
  for (const auto& parameter : module.parameters()) of.push_back(parameter);
  ASSERT_EQ(of.size(), 4u);
  const auto gradients = torch::autograd::grad({set.maps[0][0].values.square().sum()}, of);
  for (const at::Tensor& gradient : gradients) EXPECT_GT(gradient.abs().max().item<double>(), 0);
}

TEST(ComputeMapsGraph, TheGradientIsRight) {
  TorchScriptModel model(smooth_model());
  const auto loss = [&](const at::Tensor& x, bool graph) {
    const MapSet set = maps_of(model, x, graph);
    return set.maps[0][0].values.square().sum() + set.maps[1][0].values.sum() + set.scores.sum();
  };
  const at::Tensor x = two_inputs().requires_grad_();
  const at::Tensor gradient = torch::autograd::grad({loss(x, true)}, {x})[0];
  const at::Tensor direction = seeded({2, 3, 8, 8}, 42);
  const double step = 1e-5;
  const at::Tensor ahead = loss(x.detach() + step * direction, false),
                   behind = loss(x.detach() - step * direction, false);
  const double difference = (ahead - behind).item<double>() / (2 * step);
  EXPECT_NEAR((gradient * direction).sum().item<double>(), difference, 1e-6 * std::abs(difference));
}

TEST(ComputeMapsGraph, TheValuesAreTheSameWithAndWithout) {
  TorchScriptModel model(smooth_model());
  const MapSet with = maps_of(model, two_inputs(), true), without = maps_of(model, two_inputs(), false);
  EXPECT_TRUE(at::allclose(with.scores, without.scores));
  for (size_t m = 0; m < 2; ++m) EXPECT_TRUE(at::allclose(with.maps[m][0].values, without.maps[m][0].values));
}

TEST(ComputeMapsGraph, MethodsAreToldWhetherOneIsWanted) {
  TorchScriptModel model(smooth_model());
  std::vector<bool> wanted;
  const MapRequest asking = request("asking", {}, [&](Pass& pass, const Target&) {
    wanted.push_back(pass.wants_graph());
    return AttentionMap{pass.input(), true};
  });
  for (const bool graph : {false, true}) compute_maps(model, two_inputs(), {asking}, choices({"1"}), graph);
  EXPECT_EQ(wanted, (std::vector<bool>{false, true}));
}

TEST(ComputeMapsGraph, TheCallersGradientModeStays) {
  TorchScriptModel model(smooth_model());
  const at::Tensor expected = maps_of(model, two_inputs(), false).maps[0][0].values;
  for (const bool mode : {false, true}) {
    const at::AutoGradMode callers(mode);
    for (const bool graph : {false, true}) {
      const at::Tensor x = two_inputs();
      EXPECT_TRUE(at::allclose(maps_of(model, x, graph).maps[0][0].values, expected)) << mode << graph;
      EXPECT_EQ(at::GradMode::is_enabled(), mode);
      EXPECT_FALSE(x.requires_grad());
    }
  }
}

}  // namespace
}  // namespace attune::test
