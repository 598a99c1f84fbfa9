// Layers inside `with` blocks: maps are those of the model without them, or the model's own gradients are off.

#include "contexts.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

// test::small_model with another body: its layers between the input x and the activation y.
torch::jit::Module with_body(const std::string& body) {
  torch::jit::Module m("__torch__.WithBody");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", test::conv(3, 5, 1, 2));
  m.register_module("act1", test::activation("torch.relu(x)"));
  m.register_module("conv2", test::conv(5, 5, 2));
  m.register_module("act2", test::activation("torch.relu_(x)"));
  m.register_parameter("fc", seeded({4, 5}, 3).requires_grad_(), false);
  m.define("def forward(self, x):\n" + body + "    return torch.matmul(torch.mean(y, [2, 3]), torch.t(self.fc))\n",
           test::contexts());
  return m;
}

const char* const plain_body =
    "    x = self.act1.forward(self.conv1.forward(x))\n"
    "    y = self.act2.forward(self.conv2.forward(x))\n";

const char* const half_without_gradients =
    "    with no_grad():\n"
    "        x = self.act1.forward(self.conv1.forward(x))\n"
    "    y = self.act2.forward(self.conv2.forward(x))\n";

at::Tensor first_score(Pass& pass) { return pass.score({at::zeros({pass.input().size(0)}, at::kLong)}); }

// The activation of a layer, its gradient, the gradient of the input, and the output of a resumed pass.
std::vector<at::Tensor> everything_at(TorchScriptModel& model, const std::string& layer, const at::Tensor& x,
                                      bool graph, bool input) {
  Needs needs;
  needs.captures = {{layer}};
  needs.gradients = true;
  needs.input_gradient = input;
  const at::AutoGradMode mode(true);
  const auto pass = model.forward(x, needs, graph);
  std::vector<at::Tensor> found{pass->activation(layer)};
  std::vector<at::Tensor> of{found[0]};
  if (input) of.push_back(pass->input());
  for (const auto& gradient : pass->gradients(first_score(*pass), of)) found.push_back(gradient);
  found.push_back(pass->resume({layer}, found[0] * 2));
  found.push_back(pass->output());
  return found;
}

void expect_equal_at(const torch::jit::Module& made, const torch::jit::Module& plain,
                     const std::vector<std::string>& layers, bool input) {
  TorchScriptModel model(made), expected(plain);
  const at::Tensor x = seeded({2, 3, 8, 8}, 40);
  for (const std::string& layer : layers) {
    for (const bool graph : {false, true}) {
      const auto ours = everything_at(model, layer, x, graph, input);
      const auto theirs = everything_at(expected, layer, x, graph, input);
      for (size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(at::allclose(ours[i], theirs[i])) << layer << graph << i;
    }
  }
}

TEST(Contexts, WhatAProfilerSeesCutsNothing) {
  const std::string body =
      "    with record_function(\"stem\"):\n"
      "        x = self.act1.forward(self.conv1.forward(x))\n"
      "        with record_function(\"head\", \"inner\") as inner:\n"
      "            y = self.conv2.forward(x)\n"
      "    y = self.act2.forward(y)\n";
  expect_equal_at(with_body(body), with_body(plain_body), {"conv1", "act1", "conv2", "act2"}, true);
}

TEST(Contexts, GradientsThatAreOffForAPartOfTheWay) {
  const std::string body =
      "    with no_grad():\n"
      "        m = torch.mean(x, [2, 3], True)\n"
      "    x = self.act1.forward(self.conv1.forward(x - m))\n"
      "    with no_grad():\n"
      "        s = torch.mean(x, [2, 3], True)\n"
      "    y = self.act2.forward(self.conv2.forward(x * s))\n";
  const std::string plain =
      "    x = self.act1.forward(self.conv1.forward(x - torch.mean(x, [2, 3], True).detach()))\n"
      "    y = self.act2.forward(self.conv2.forward(x * torch.mean(x, [2, 3], True).detach()))\n";
  expect_equal_at(with_body(body), with_body(plain), {"conv1", "act1", "conv2", "act2"}, true);
}

TEST(Contexts, LayersBehindADarkPartAndTheParametersOfTheirMaps) {
  const auto made = with_body(half_without_gradients);
  expect_equal_at(made,
                  with_body("    x = self.act1.forward(self.conv1.forward(x)).detach()\n"
                            "    y = self.act2.forward(self.conv2.forward(x))\n"),
                  {"conv2", "act2"}, false);
  TorchScriptModel model(made);
  const at::Tensor x = seeded({2, 3, 8, 8}, 41);
  EXPECT_EQ(model.auto_layer(x), "act2");
  const auto found = everything_at(model, "act2", x, true, false);
  const std::vector<at::Tensor> weights{model.parameter("conv1.w0"), model.parameter("conv2.w0")};
  const auto gradients = torch::autograd::grad({(found[0] * found[1]).sum()}, weights, {}, false, false, true);
  EXPECT_FALSE(gradients[0].defined());
  EXPECT_TRUE(gradients[1].abs().max().item<double>() > 0);
}

TEST(Contexts, LayersInADarkPartSaySo) {
  TorchScriptModel model(with_body(half_without_gradients));
  const at::Tensor x = seeded({2, 3, 8, 8}, 42);
  for (const std::string layer : {"conv1", "act1"}) {
    for (const bool graph : {false, true}) {
      const std::string said = test::message_of(Fault::input, [&] { everything_at(model, layer, x, graph, false); });
      EXPECT_TRUE(test::contains(said, "layer '" + layer + "' lies where the model switches gradients off")) << said;
    }
    Needs needs;  // without gradients there is nothing against it
    needs.captures = {{layer}};
    const auto pass = model.forward(x, needs, false);
    EXPECT_TRUE(at::allclose(pass->resume({layer}, pass->activation(layer)), pass->output()));
  }
  for (const bool graph : {false, true}) {
    const std::string said = test::message_of(Fault::input, [&] {
      Needs needs;
      needs.input_gradient = true;
      const at::AutoGradMode mode(true);
      const auto pass = model.forward(x, needs, graph);
      pass->gradients(first_score(*pass), {pass->input()});
    });
    EXPECT_TRUE(test::contains(said, "switches gradients off on the way")) << said;
  }
}

TEST(Contexts, WithoutAnyLayerLeftTheAutomaticOneSaysWhy) {
  TorchScriptModel model(
      with_body("    with no_grad():\n"
                "        y = self.act1.forward(self.conv1.forward(x))\n"
                "        y = self.act2.forward(self.conv2.forward(y))\n"));
  const std::string said = test::message_of(Fault::input, [&] { model.auto_layer(seeded({1, 3, 8, 8}, 48)); });
  EXPECT_TRUE(test::contains(said, "(it switches gradients off, torch.no_grad, at 4 layers)")) << said;
}

TEST(Contexts, TheCallersModeStaysWhatItWas) {
  TorchScriptModel model(with_body(half_without_gradients));
  EXPECT_THROW(model.forward(seeded({2, 2, 8, 8}, 43), {}, true), Error);
  for (const bool on : {true, false}) {
    const at::AutoGradMode mode(on);
    model.forward(seeded({2, 3, 8, 8}, 43), {}, true);
    EXPECT_EQ(at::GradMode::is_enabled(), on);
  }
}

TEST(Contexts, InBranchesThatDependOnTheInput) {
  const auto made = with_body(
      "    x = self.act1.forward(self.conv1.forward(x))\n"
      "    if bool(torch.sum(x) > 0):\n"
      "        with no_grad():\n"
      "            x = x * torch.mean(x)\n"
      "    y = self.act2.forward(self.conv2.forward(x))\n");
  const auto plain = with_body(
      "    x = self.act1.forward(self.conv1.forward(x))\n"
      "    x = (x * torch.mean(x)).detach()\n"
      "    y = self.act2.forward(self.conv2.forward(x))\n");
  expect_equal_at(made, plain, {"conv2", "act2"}, false);
}

at::Tensor half(const at::Tensor& x) { return x.to(at::kBFloat16); }

TEST(Contexts, AutocastIsTheModulesOwn) {
  for (const std::string arguments : {"\"cpu\", 15", "\"cpu\", 15, False"}) {
    auto made = with_body("    with autocast(" + arguments +
                          "):\n"
                          "        x = self.act1.forward(self.conv1.forward(x))\n"
                          "        y = self.conv2.forward(x)\n"
                          "    y = self.act2.forward(y.to(6))\n");
    made.to(at::kFloat);
    TorchScriptModel model(made);
    const at::Tensor x = seeded({2, 3, 8, 8}, 44).to(at::kFloat).requires_grad_(), own = model.module_output(x, true);
    const at::Tensor gradient = torch::autograd::grad({own.select(1, 0).sum()}, {x})[0];
    const bool casts = arguments.find("False") == std::string::npos;
    for (const std::string layer : {"conv1", "act1", "conv2", "act2"}) {
      for (const bool graph : {false, true}) {
        const auto found = everything_at(model, layer, x.detach(), graph, true);
        EXPECT_EQ(found[0].scalar_type() == at::kBFloat16, casts && layer != "act2") << layer;
        EXPECT_TRUE(at::allclose(found[2], gradient, 1e-5, 1e-6)) << layer << graph;
        EXPECT_TRUE(at::allclose(found[4], own, 1e-5, 1e-6)) << layer << graph;
      }
    }
  }
}

// A bias that may be none is cast like the weight.
TEST(Contexts, AutocastOfOptionalParameters) {
  torch::jit::Module layer("__torch__.Biased");
  const at::Tensor w = seeded({4, 3, 3, 3}, 45).to(at::kFloat), b = seeded({4}, 46).to(at::kFloat);
  layer.register_parameter("w", w, false);
  layer.register_attribute("b", c10::OptionalType::create(c10::TensorType::get()), b, true);
  layer.define("def forward(self, x):\n    return torch.conv2d(x, self.w, self.b)\n");
  torch::jit::Module m("__torch__.CastsBias");
  m.register_module("layer", layer);
  m.define(
      "def forward(self, x):\n"
      "    with autocast(\"cpu\", 15):\n"
      "        y = self.layer.forward(x)\n"
      "    return torch.mean(y.to(6), [2, 3])\n",
      test::contexts());
  const at::Tensor x = seeded({2, 3, 6, 6}, 47).to(at::kFloat);
  const auto found = everything_at(*std::make_unique<TorchScriptModel>(m), "layer", x, false, false);
  EXPECT_TRUE(at::equal(found[0], at::conv2d(half(x), half(w), half(b))));
}

TEST(Contexts, AutocastThatCannotBeFollowedSaysSo) {
  const std::string said = test::message_of(Fault::input, [] {
    TorchScriptModel(
        with_body("    with autocast(\"cpu\", 15, bool(torch.sum(x) > 0)):\n"
                  "        x = self.act1.forward(self.conv1.forward(x))\n"
                  "    y = self.act2.forward(self.conv2.forward(x))\n"));
  });
  EXPECT_TRUE(test::contains(said, "torch.autocast")) << said;
}

}  // namespace
}  // namespace attune
