// Gradients: rules, finite differences, and no pass that is not needed.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "models.h"

namespace attune {
namespace {

using test::seeded;

Target first_class(int64_t rows) { return {at::zeros({rows}, at::kLong)}; }

at::Tensor input_gradient(TorchScriptModel& model, const at::Tensor& x, Rectifier rectifier, bool graph) {
  Needs needs;
  needs.input_gradient = true;
  const auto pass = model.forward(x, needs, graph);
  const at::AutoGradMode mode(true);
  return pass->gradients(pass->score(first_class(x.size(0))), {pass->input()}, rectifier)[0];
}

// max(g, 0) passes through the two activations of the small model, done by hand.
at::Tensor guided_by_hand(const torch::jit::Module& m, const at::Tensor& x, bool guided) {
  const auto weight = [&](const char* name) { return m.attr(name).toModule().attr("w0").toTensor(); };
  const at::Tensor z1 = at::conv2d(x, weight("conv1"), {}, 2, 1);
  const at::Tensor z2 = at::conv2d(z1.relu(), weight("conv2"), {}, 1, 1);
  const at::Tensor fc = m.attr("fc").toTensor();
  const double cells = static_cast<double>(z2.size(2) * z2.size(3));
  at::Tensor g = fc[0].view({1, -1, 1, 1}).expand_as(z2) / cells;
  g = g.relu();
  if (guided) g = g * (z2 > 0);
  g = at::conv_transpose2d(g, weight("conv2"), {}, 1, 1).relu();
  if (guided) g = g * (z1 > 0);
  return at::conv_transpose2d(g, weight("conv1"), {}, 2, 1, 1);
}

TEST(Gradient, GuidedAndDeconvnetRulesEqualTheirDefinition) {
  const auto m = test::small_model();
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 20);
  for (const bool graph : {false, true}) {
    EXPECT_TRUE(at::allclose(input_gradient(model, x, Rectifier::guided, graph), guided_by_hand(m, x, true)));
    EXPECT_TRUE(at::allclose(input_gradient(model, x, Rectifier::deconvnet, graph), guided_by_hand(m, x, false)));
  }
}

// A guided map is made of weights and of what was positive, and its derivative with respect to the weights is that of
// the definition.
TEST(Gradient, DerivativesOfTheRulesAreThoseOfTheirDefinition) {
  const auto m = test::small_model();
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 20);
  std::vector<at::Tensor> of;
  for (const auto& parameter : m.parameters()) of.push_back(parameter);
  for (const bool guided : {true, false}) {
    const at::Tensor map = input_gradient(model, x, guided ? Rectifier::guided : Rectifier::deconvnet, true);
    const auto found = torch::autograd::grad({map.square().sum()}, of, {}, false, false, true);
    const auto expected = torch::autograd::grad({guided_by_hand(m, x, guided).square().sum()}, of);
    for (size_t i = 0; i < of.size(); ++i) EXPECT_TRUE(at::allclose(found[i], expected[i])) << guided << i;
  }
}

TEST(Gradient, StandardRuleIsThePlainGradientAlsoAfterAGuidedOne) {
  const auto m = test::small_model();
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 21).requires_grad_();
  auto copy = m;
  const at::Tensor expected = torch::autograd::grad({copy.forward({x}).toTensor().select(1, 0).sum()}, {x})[0];
  input_gradient(model, x, Rectifier::guided, false);
  EXPECT_TRUE(at::allclose(input_gradient(model, x, Rectifier::standard, false), expected));
}

TEST(Gradient, EveryRectifierIsFound) {
  for (const char* call : {"torch.relu(x)", "torch.relu_(x)", "torch.relu6(x)", "torch.clamp(x, 0.0, 6.0)",
                           "torch.clamp_min(x, 0)", "torch.hardtanh(x, 0.0, 6.0)", "torch.hardtanh_(x, 0.0, 6.0)",
                           "torch.threshold(x, 0, 0)", "torch.gelu(x)", "torch.silu(x)", "torch.mish(x)",
                           "torch.softplus(x)", "torch.leaky_relu(x)", "torch.elu(x)", "torch.hardswish(x)"}) {
    EXPECT_EQ(TorchScriptModel(test::small_model(call)).activations().size(), 2U) << call;
  }
  for (const char* call : {"torch.sigmoid(x)", "torch.hardtanh(x, -1.0, 1.0)", "torch.clamp(x, -1.0, 6.0)"}) {
    EXPECT_TRUE(TorchScriptModel(test::small_model(call)).activations().empty()) << call;
  }
}

// As run_decompositions() and ONNX leave them, and as people write them.
TEST(Gradient, ActivationsThatAreWrittenOutAreGatedAsTheirOperators) {
  const std::vector<std::pair<const char*, const char*>> pairs = {
      {"x * torch.sigmoid(x)", "torch.silu(x)"},
      {"x * torch.clamp(torch.clamp(x + 3, 0), None, 6) / 6", "torch.hardswish(x)"},
      {"x * (torch.relu6(x + 3.0) / 6.0)", "torch.hardswish(x)"},
      {"x * torch.hardsigmoid(x)", "torch.hardswish(x)"},
      {"x * 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))", "torch.gelu(x)"},
      {"0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * torch.pow(x, 3.0))))",
       "torch.gelu(x, approximate='tanh')"},
      {"x * torch.tanh(torch.log1p(torch.exp(x)))", "torch.mish(x)"},
      {"x * torch.tanh(torch.softplus(x))", "torch.mish(x)"}};
  const at::Tensor x = seeded({2, 3, 8, 8}, 28);
  for (const auto& [written, call] : pairs) {
    TorchScriptModel model(test::small_model(written)), expected(test::small_model(call));
    EXPECT_EQ(model.activations().size(), 2U) << written;
    for (const Rectifier rule : {Rectifier::standard, Rectifier::guided, Rectifier::deconvnet}) {
      EXPECT_TRUE(at::allclose(input_gradient(model, x, rule, false), input_gradient(expected, x, rule, false)))
          << written;
    }
  }
  for (const char* call : {"torch.clamp(x + 3, 0, 6) / 6", "x * torch.sigmoid(torch.mean(x))", "x * x",
                           "x * torch.sigmoid(torch.flip(x, [3]))"}) {
    EXPECT_TRUE(TorchScriptModel(test::small_model(call)).activations().empty()) << call;
  }
}

TEST(Gradient, AModelWithoutRectifiersRefusesTheGuidedRule) {
  TorchScriptModel model(test::small_model("torch.tanh(x)"));
  EXPECT_TRUE(model.activations().empty());
  EXPECT_THROW(input_gradient(model, seeded({1, 3, 8, 8}, 22), Rectifier::guided, false), Error);
}

// The derivative of sum(guided gradient * weights) with respect to the input and a parameter, against differences.
TEST(Gradient, SecondDerivativesEqualFiniteDifferences) {
  const auto m = test::small_model("torch.softplus(x)", true);
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 6, 6}, 23);
  const at::Tensor weights = seeded({2, 3, 6, 6}, 24);
  const at::Tensor parameter = m.attr("conv2").toModule().attr("w0").toTensor();
  for (const Rectifier rule : {Rectifier::standard, Rectifier::guided}) {
    const auto loss = [&](const at::Tensor& input) {
      return (input_gradient(model, input, rule, true) * weights).sum();
    };
    const at::Tensor leaf = x.clone().requires_grad_();
    const auto analytic = torch::autograd::grad({loss(leaf)}, {leaf, parameter}, {}, false, false, true);
    const double step = 1e-5;
    for (int64_t i = 0; i < x.numel(); i += 17) {
      at::Tensor up = x.clone();
      at::Tensor down = x.clone();
      up.view(-1)[i] += step;
      down.view(-1)[i] -= step;
      const double expected = (loss(up) - loss(down)).item<double>() / (2 * step);
      EXPECT_NEAR(analytic[0].reshape(-1)[i].item<double>(), expected, 1e-7) << i;
    }
    const at::NoGradGuard guard;
    for (int64_t i = 0; i < parameter.numel(); i += 23) {
      const auto flat = parameter.view(-1);
      const double value = flat[i].item<double>();
      flat[i] = value + step;
      const double above = loss(x).item<double>();
      flat[i] = value - step;
      const double below = loss(x).item<double>();
      flat[i] = value;
      EXPECT_NEAR(analytic[1].reshape(-1)[i].item<double>(), (above - below) / (2 * step), 1e-6) << i;
    }
  }
}

TEST(Gradient, LayerGradientsOfTheCutEqualThoseOfTheWholePass) {
  TorchScriptModel model(test::small_model("torch.relu_(x)", true));
  const at::Tensor x = seeded({2, 3, 8, 8}, 25);
  for (const auto& layer : model.layers()) {
    Needs needs;
    needs.captures = {{layer.name}};
    needs.gradients = true;
    const at::AutoGradMode mode(true);
    const auto cut = model.forward(x, needs, false);
    const auto whole = model.forward(x, needs, true);
    const auto of_cut = cut->gradients(cut->score(first_class(2)), {cut->activation(layer.name)})[0];
    const auto of_whole = whole->gradients(whole->score(first_class(2)), {whole->activation(layer.name)})[0];
    EXPECT_TRUE(at::allclose(of_cut, of_whole)) << layer.name;
    EXPECT_FALSE(of_cut.requires_grad());
    EXPECT_TRUE(of_whole.requires_grad());
  }
}

// Passes without a graph are folded; what they give is the same, whatever is captured, and the module's own.
TEST(Gradient, PassesWithAndWithoutGraphEqualTheModule) {
  for (const char* call : {"torch.relu(x)", "torch.relu_(x)", "torch.relu6(x)"}) {
    TorchScriptModel model(test::small_model(call, true));
    const at::Tensor x = seeded({2, 3, 8, 8}, 28);
    const at::Tensor before = x.clone();
    for (const std::vector<std::string>& layers :
         {std::vector<std::string>{}, {"conv1"}, {"act1", "conv2"}, {"conv1", "act1", "conv2", "act2"}}) {
      Needs needs;
      for (const auto& layer : layers) needs.captures.push_back({layer});
      needs.gradients = needs.input_gradient = true;
      const at::AutoGradMode mode(true);
      const auto once = model.forward(x, needs, false);
      const auto twice = model.forward(x, needs, true);
      EXPECT_TRUE(at::allclose(once->output(), twice->output()));
      const at::Tensor y = x.clone().requires_grad_(), own = model.module_output(y, true);
      EXPECT_TRUE(at::equal(twice->output(), own));
      EXPECT_TRUE(at::allclose(once->gradients(once->score(first_class(2)), {once->input()})[0],
                               torch::autograd::grad({own.select(1, 0).sum()}, {y})[0]));
      std::vector<at::Tensor> of_once{once->input()}, of_twice{twice->input()};
      for (const auto& layer : layers) {
        of_once.push_back(once->activation(layer));
        of_twice.push_back(twice->activation(layer));
        EXPECT_TRUE(at::allclose(of_once.back(), of_twice.back())) << call << ' ' << layer;
      }
      for (const Rectifier rule : {Rectifier::standard, Rectifier::guided, Rectifier::deconvnet}) {
        const auto a = once->gradients(once->score(first_class(2)), of_once, rule);
        const auto b = twice->gradients(twice->score(first_class(2)), of_twice, rule);
        for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::allclose(a[i], b[i])) << call << ' ' << i;
      }
    }
    EXPECT_TRUE(at::equal(x, before));
  }
}

TEST(Gradient, NoMoreCallsThanDeclared) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = seeded({1, 3, 8, 8}, 29);
  Needs needs;
  needs.input_gradient = true;
  needs.gradient_calls = 2;
  const auto pass = model.forward(x, needs, false);
  const at::AutoGradMode mode(true);
  const auto gradient = [&] { return pass->gradients(pass->score(first_class(1)), {pass->input()})[0]; };
  const at::Tensor first = gradient();
  EXPECT_TRUE(at::equal(gradient(), first));
  EXPECT_THROW(gradient(), Error);
}

TEST(Gradient, UndeclaredRequestsAreErrors) {
  TorchScriptModel model(test::small_model());
  const auto pass = model.forward(seeded({1, 3, 8, 8}, 26), {}, false);
  EXPECT_THROW(pass->activation("conv1"), Error);
  EXPECT_THROW(pass->gradients(pass->score(first_class(1)), {pass->input()}), Error);
}

TEST(Gradient, AutomaticLayerIsTheLastWithExtentAndGradient) {
  TorchScriptModel model(test::small_model());
  EXPECT_EQ(model.auto_layer(seeded({1, 3, 8, 8}, 27)), "act2");
}

}  // namespace
}  // namespace attune
