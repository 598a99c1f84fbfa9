#include <gtest/gtest.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;

// One layer's relevance handed back, as the rules are written down; `product` is linear in its argument and its weight,
// `back` its transpose.
struct Layer {
  at::Tensor x, w, b;  // b broadcasts against the output
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& w)> product;
  std::function<at::Tensor(const at::Tensor& s, const at::Tensor& w)> back;

  at::Tensor output() const { return product(x, w) + b; }

  // What s shares out over contributions by two weights, of positive and of negative arguments.
  at::Tensor over(const at::Tensor& s, const at::Tensor& of_positive, const at::Tensor& of_negative) const {
    return x.clamp_min(0) * back(s, of_positive) + x.clamp_max(0) * back(s, of_negative);
  }

  at::Tensor handed_back(const at::Tensor& relevance, const std::string& rule) const {
    const at::Tensor up = w.clamp_min(0), down = w.clamp_max(0), y = output();
    const at::Tensor high = x.clamp_min(0), low = x.clamp_max(0);
    const at::Tensor p = product(high, up) + product(low, down) + b.clamp_min(0);
    const at::Tensor n = product(high, down) + product(low, up) + b.clamp_max(0);
    if (rule == "epsilon") return x * back(relevance / (y + 0.02 * at::where(y < 0, -1.0, 1.0)), w);
    if (rule == "z_plus") return over(relevance / (p + 1e-6), up, down);
    if (rule == "alpha_beta") {
      return 3 * over(relevance / (p + 1e-6), up, down) - 2 * over(relevance / (n - 1e-6), down, up);
    }
    const at::Tensor is_negative = (y < 0).to(at::kDouble);
    const at::Tensor of_positive = relevance * (1 - is_negative) / (y + 0.3 * p + 1e-6);
    const at::Tensor of_negative = relevance * is_negative / (y + 0.3 * n - 1e-6);
    return over(of_positive, w + 0.3 * up, w + 0.3 * down) + over(of_negative, w + 0.3 * down, w + 0.3 * up);
  }
};

Given given(const std::string& convolutions, const std::string& linear) {
  return {{"convolutions", convolutions},   {"linear", linear}, {"epsilon", 0.02}, {"gamma", 0.3}, {"alpha", 3.0},
          {"channels", std::string("keep")}};
}

Layer convolved(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, int64_t stride) {
  return {x, w, b.view({1, -1, 1, 1}),
          [stride](const at::Tensor& in, const at::Tensor& weight) { return at::conv2d(in, weight, {}, stride, 1); },
          [stride](const at::Tensor& s, const at::Tensor& weight) {
            return at::conv_transpose2d(s, weight, {}, stride, 1);
          }};
}

// test::biased_model("torch.relu(x)"), layer by layer; the batch norm is a part of the first convolution.
at::Tensor relevance_by_hand(const test::Module& module, const at::Tensor& x, int64_t target,
                             const std::string& convolutions, const std::string& linear) {
  const auto of = [&](const char* layer, const char* name) {
    return module.attr(layer).toModule().attr(name).toTensor().detach();
  };
  const at::Tensor factor = of("norm", "w0") / (of("norm", "var") + 0.01).sqrt();
  const at::Tensor shift = (of("conv1", "w1") - of("norm", "mean")) * factor + of("norm", "w1");
  const Layer first = convolved(x, of("conv1", "w0") * factor.view({-1, 1, 1, 1}), shift, 2);
  const Layer second = convolved(first.output().relu(), of("conv2", "w0"), of("conv2", "w1"), 1);
  const at::Tensor top = second.output().relu(), mean = top.mean({2, 3});
  const Layer last{mean, of("fc", "w0"), of("fc", "w1").view({1, -1}),
                   [](const at::Tensor& in, const at::Tensor& w) { return at::matmul(in, w.t()); },
                   [](const at::Tensor& s, const at::Tensor& w) { return at::matmul(s, w); }};
  at::Tensor relevance = at::zeros({x.size(0), 4}, at::kDouble);
  relevance.select(1, target).copy_(last.output().select(1, target));
  relevance = last.handed_back(relevance, linear).unsqueeze(-1).unsqueeze(-1);
  const at::Tensor cells = mean.unsqueeze(-1).unsqueeze(-1) * (top.size(2) * top.size(3));
  relevance = at::where(cells == 0, at::zeros_like(top), top * relevance / at::where(cells == 0, 1.0, cells));
  return first.handed_back(second.handed_back(relevance, convolutions), convolutions);
}

TEST(Lrp, EqualsItsRulesLayerByLayer) {
  const auto module = test::biased_model("torch.relu(x)");
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 180);
  for (const std::string convolutions : {"epsilon", "gamma", "z_plus", "alpha_beta"}) {
    for (const std::string linear : {"epsilon", "gamma", "z_plus", "alpha_beta"}) {
      const at::Tensor expected = relevance_by_hand(module, x, 2, convolutions, linear);
      const at::Tensor map = test::map_of(model, x, "lrp", given(convolutions, linear), 2);
      EXPECT_TRUE(at::allclose(map, expected, 1e-6, 1e-9))
          << convolutions << " " << linear << " " << (map - expected).abs().max() << expected.abs().max();
      EXPECT_TRUE(at::allclose(test::map_of(model, x, "lrp", given(convolutions, linear), 2, /*graph=*/true), expected,
                               1e-6, 1e-9))
          << convolutions << " " << linear << " with a graph";
    }
  }
}

// All of the score arrives where there is no bias.
TEST(Lrp, ConservesTheScore) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 181);
    const at::Tensor score = model.module_output(x, false).select(1, 1);
    for (const std::string rule : {"gamma", "z_plus"}) {
      const at::Tensor map = test::map_of(model, x, "lrp", {{"convolutions", rule}}, 1);
      EXPECT_TRUE(at::allclose(map.flatten(1).sum(1), score, 1e-3, 1e-5))
          << rank << rule << map.flatten(1).sum(1) << score;
    }
  }
}

TEST(Lrp, ByEpsilonIsAboutInputTimesGradient) {
  TorchScriptModel model(test::biased_model("torch.relu(x)"));
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 182);
  const at::Tensor product = test::map_of(model, x, "input_x_gradient", {}, 1);
  const Given small{{"convolutions", "epsilon"}, {"epsilon", 1e-9}};
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "lrp", small, 1), product, 1e-5, 1e-7));
  const Given large{{"convolutions", "epsilon"}, {"epsilon", 0.5}};
  EXPECT_FALSE(at::allclose(test::map_of(model, x, "lrp", large, 1), product, 1e-2));
}

// However a linear layer is written.
TEST(Lrp, ReachesLinearLayersInEveryForm) {
  const at::Tensor w = test::seeded({4, 3}, 183), b = test::seeded({4}, 184), x = test::seeded({2, 3, 5}, 185);
  const auto map = [&](const std::string& code) {
    TorchScriptModel model(test::module(
        "Form", "def forward(self, x):\n    x = torch.mean(torch.relu(x), [2])\n    return " + code + "\n", {w, b}));
    return test::map_of(model, x, "lrp", {{"linear", "gamma"}}, 1);
  };
  const at::Tensor linear = map("torch.linear(x, self.w0, self.w1)");
  EXPECT_TRUE(at::allclose(map("torch.addmm(self.w1, x, self.w0.t())"), linear, 1e-9, 1e-12));
  const at::Tensor bare = map("torch.linear(x, self.w0)");
  EXPECT_TRUE(at::allclose(map("torch.matmul(x, self.w0.t())"), bare, 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(map("torch.matmul(self.w0, x.t()).t()"), bare, 1e-9, 1e-12));
  EXPECT_FALSE(at::allclose(bare, linear, 1e-3));
}

// A layer upon another, with nothing in between.
TEST(Lrp, ReachesLayersThatFollowEachOther) {
  const at::Tensor w = test::seeded({6, 3}, 186), v = test::seeded({4, 6}, 187), x = test::seeded({2, 3, 5}, 188);
  const std::string mean = "def forward(self, x):\n    x = torch.mean(torch.relu(x), [2])\n    return ";
  TorchScriptModel two(test::module("Two", mean + "torch.linear(torch.linear(x, self.w0), self.w1)\n", {w, v}));
  TorchScriptModel apart(
      test::module("Apart", mean + "torch.linear(torch.linear(x, self.w0) * 1.0, self.w1)\n", {w, v}));
  const auto map = [&](TorchScriptModel& model) {
    return test::map_of(model, x, "lrp", {{"linear", "gamma"}, {"gamma", 1.0}}, 1);
  };
  EXPECT_TRUE(at::allclose(map(two), map(apart), 1e-9, 1e-12));
  EXPECT_FALSE(at::allclose(map(two), test::map_of(two, x, "lrp", {}, 1), 1e-3));
}

TEST(Lrp, BatchEqualsSamples) {
  for (const std::string rule : {"z_plus", "gamma"}) {
    test::expect_batch_equals_samples("lrp", {{"convolutions", rule}});
  }
}

// Contributions have kinks where a weight or an input changes its sign, which these seeds stay away from.
TEST(Lrp, GradientsAreFiniteDifferences) {
  for (const std::string rule : {"epsilon", "gamma", "z_plus", "alpha_beta"}) {
    test::expect_gradients_are_finite_differences("lrp", {{"convolutions", rule}, {"epsilon", 0.1}}, "torch.tanh(x)");
  }
}

}  // namespace
}  // namespace attune
