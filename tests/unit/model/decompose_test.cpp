// Operators without a derivative, or without a second one.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

at::Tensor gradient_of_input(TorchScriptModel& model, const at::Tensor& x, bool graph) {
  Needs needs;
  needs.input_gradient = true;
  const at::AutoGradMode mode(true);
  const auto pass = model.forward(x, needs, graph);
  return pass->gradients(pass->score({at::zeros({x.size(0)}, at::kLong)}), {pass->input()})[0];
}

void expect_central_difference(const at::Tensor& found, const at::Tensor& at, const std::function<double()>& value,
                               const std::string& what) {
  const at::NoGradGuard guard;
  const at::Tensor flat = at.detach().view(-1);
  for (int64_t i = 0; i < flat.numel(); i += 1 + flat.numel() / 12) {
    const double kept = flat[i].item<double>(), step = 1e-5;
    flat[i] = kept + step;
    const double above = value();
    flat[i] = kept - step;
    const double below = value();
    flat[i] = kept;
    const double expected = (above - below) / (2 * step);
    const double tolerance = 1e-6 * (1 + std::abs(expected));
    EXPECT_NEAR(found.reshape(-1)[i].item<double>(), expected, tolerance) << what << ", entry " << i;
  }
}

// A layer over tokens [N,9,8], 8 wide, of which the scores are the mean.
torch::jit::Module over_tokens(const std::string& code, const std::vector<at::Tensor>& weights) {
  torch::jit::Module m("__torch__.Tokens");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("encoder", test::module("Encoder", "def forward(self, x):\n    return " + code + "\n", weights));
  m.define(
      "def forward(self, x):\n"
      "    return torch.mean(self.encoder.forward(torch.transpose(torch.flatten(x, 2), 1, 2)), [1])\n");
  return m;
}

std::vector<at::Tensor> encoder_weights() {
  return {seeded({24, 8}, 1, 0.5), seeded({24}, 2, 0.5), seeded({8, 8}, 3, 0.5), seeded({8}, 4),
          seeded({8}, 5),          seeded({8}, 6),       seeded({8}, 7),         seeded({8}, 8),
          seeded({12, 8}, 9),      seeded({12}, 10),     seeded({8, 12}, 11),    seeded({8}, 12)};
}

std::string encoder_call(bool gelu, bool norm_first) {
  return std::string("torch._transformer_encoder_layer_fwd(x, 8, 2, self.w0, self.w1, self.w2, self.w3, ") +
         (gelu ? "True, " : "False, ") + (norm_first ? "True" : "False") +
         ", 1e-5, self.w4, self.w5, self.w6, self.w7, self.w8, self.w9, self.w10, self.w11)";
}

const char* const attention_call =
    "torch._native_multi_head_attention(x, x, x, 8, 2, self.w0, self.w1, self.w2, self.w3, None, False)[0]";

// The values are the fused operator's, the gradients those of its values.
void expect_opened(const torch::jit::Module& m, const std::string& what) {
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 8, 3, 3}, 20);
  const at::Tensor expected = model.module_output(x, false);
  for (const bool graph : {false, true}) {
    EXPECT_TRUE(at::allclose(model.forward(x, {}, graph)->output(), expected, 1e-10, 1e-12)) << what;
    const auto score = [&] { return model.module_output(x, false).select(1, 0).sum().item<double>(); };
    expect_central_difference(gradient_of_input(model, x.clone(), graph), x, score, what);
  }
  torch::jit::Module single = m.clone();
  single.to(at::kFloat);
  TorchScriptModel rounded(single);
  const at::Tensor found = rounded.forward(x.to(at::kFloat), {}, false)->output();
  EXPECT_TRUE(at::allclose(found, expected.to(at::kFloat), 1e-4, 1e-5)) << what;
}

TEST(FusedOperators, OfTransformersAreOpened) {
  for (const bool gelu : {false, true}) {
    for (const bool norm_first : {false, true}) {
      const std::string call = encoder_call(gelu, norm_first);
      const auto m = over_tokens(call, encoder_weights());
      expect_opened(m, call);
      EXPECT_EQ(TorchScriptModel(m).activations(), std::vector<std::string>{gelu ? "gelu" : "relu"});
    }
  }
  expect_opened(over_tokens(attention_call, encoder_weights()), attention_call);
}

TEST(FusedOperators, HaveSecondDerivatives) {
  const auto m = over_tokens(encoder_call(true, true), encoder_weights());
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 8, 3, 3}, 21), w = model.parameter("encoder.w8");
  const auto loss = [&] { return gradient_of_input(model, x.clone(), true).square().sum(); };
  const at::Tensor found = torch::autograd::grad({loss()}, {w})[0];
  expect_central_difference(
      found, w, [&] { return loss().item<double>(); }, "encoder");
}

TEST(FusedOperators, WithAMaskSaySo) {
  const std::string said = test::message_of(Fault::input, [] {
    TorchScriptModel(over_tokens(
        "torch._native_multi_head_attention(x, x, x, 8, 2, self.w0, self.w1, self.w2, self.w3, torch.ones([9, 9]) > 0, "
        "False)[0]",
        encoder_weights()));
  });
  EXPECT_TRUE(test::contains(said, "_native_multi_head_attention with a mask")) << said;
}

// A scripted encoder asks at run time whether it may take its fused path.
TEST(FusedOperators, AreNotTakenWhereThereIsAnotherPath) {
  torch::jit::Module m("__torch__.TwoPaths");
  m.register_module("plain", test::module("Plain", "def forward(self, x):\n    return torch.tanh(x)\n"));
  const std::string fused = std::string("def forward(self, x):\n    return ") + attention_call + "\n";
  m.register_module("fused", test::module("Fused", fused, encoder_weights()));
  m.define(
      "def forward(self, x):\n"
      "    t = torch.transpose(torch.flatten(x, 2), 1, 2)\n"
      "    if x.dim() == 4:\n"
      "        y = self.fused.forward(t)\n"
      "    else:\n"
      "        y = self.plain.forward(t)\n"
      "    return torch.mean(y, [1])\n");
  TorchScriptModel model(m);
  ASSERT_EQ(model.layers().size(), 1U);
  EXPECT_EQ(model.layers()[0].name, "plain");
}

struct Layer {
  std::string code;
  std::vector<at::Tensor> weights;
  std::vector<int64_t> input;
};

std::vector<Layer> once_differentiable_layers() {
  std::vector<Layer> layers{{"torch.hardsigmoid(x * self.w0)", {seeded({4}, 1).view({1, 4, 1, 1}) * 2}, {2, 4, 3, 3}},
                            {"torch.cdist(torch.flatten(x, 2), self.w0, 2.0)", {seeded({2, 3, 9}, 2)}, {2, 4, 3, 3}}};
  for (const std::string padding : {"0", "1", "2"}) {
    for (const std::string align : {"True", "False"}) {
      const std::string rest = padding + ", " + align + ")";
      const std::string linear = "torch.grid_sampler(x, self.w0, 0, ", nearest = "torch.grid_sampler(x, self.w0, 1, ";
      layers.push_back({linear + rest, {seeded({2, 3, 4, 2}, 3, 0.8)}, {2, 4, 5, 3}});
      layers.push_back({nearest + rest, {seeded({2, 3, 4, 2}, 4, 0.8)}, {2, 4, 5, 3}});
      layers.push_back({linear + rest, {seeded({2, 2, 3, 2, 3}, 5, 0.8)}, {2, 4, 3, 4, 2}});
      // as decomposed programs have it
      layers.push_back({"torch.grid_sampler_2d(x, self.w0, 0, " + rest, {seeded({2, 3, 4, 2}, 3, 0.8)}, {2, 4, 5, 3}});
    }
  }
  return layers;
}

torch::jit::Module scored(const Layer& layer) {
  torch::jit::Module m("__torch__.Scored");
  m.register_attribute("training", c10::BoolType::get(), false);
  const std::string code = "def forward(self, x):\n    return " + layer.code + "\n";
  m.register_module("layer", test::module("Layer", code, layer.weights));
  m.define("def forward(self, x):\n    return torch.sum(torch.flatten(self.layer.forward(x), 2) ** 2, [2])\n");
  return m;
}

TEST(OnceDifferentiable, OperatorsAreDifferentiatedTwice) {
  for (const Layer& layer : once_differentiable_layers()) {
    TorchScriptModel model(scored(layer));
    const at::Tensor x = seeded(layer.input, 22), w = model.parameter("layer.w0");
    // The first derivative, by the module's own autograd.
    const auto value = [&] {
      const at::AutoGradMode mode(true);
      const at::Tensor leaf = x.detach().clone().requires_grad_(), y = model.module_output(leaf, true);
      return torch::autograd::grad({y.select(1, 0).sum()}, {leaf})[0].square().sum().item<double>();
    };
    for (int i = 0; i < 3; ++i) value();  // LibTorch 2.6 compiles in the first runs, and rounds otherwise from then on
    const at::Tensor output = model.forward(x, {}, true)->output();
    EXPECT_TRUE(at::allclose(output, model.module_output(x, false), 1e-10, 1e-12)) << layer.code;
    const at::Tensor leaf = x.clone().requires_grad_(), loss = gradient_of_input(model, leaf, true).square().sum();
    const auto found = torch::autograd::grad({loss}, {leaf, w}, {}, false, false, true);
    expect_central_difference(found[0], x, value, layer.code + ", of x");
    const at::Tensor of_weight = found[1].defined() ? found[1] : at::zeros_like(w);
    expect_central_difference(of_weight, w, value, layer.code + ", of its weight");
  }
}

// `also` is added to the scores of a convolution.
torch::jit::Module with_addition(const std::string& also) {
  torch::jit::Module m("__torch__.Addition");
  m.register_module("conv", test::conv(3, 4, 5));
  m.register_module("also", test::module("Also", "def forward(self, x):\n    return " + also + "\n"));
  m.define(
      "def forward(self, x):\n"
      "    x = self.conv.forward(x)\n"
      "    return torch.mean(x, [2, 3]) + self.also.forward(x)\n");
  return m;
}

TEST(OnceDifferentiable, OthersNameLayerAndOperator) {
  TorchScriptModel model(with_addition("torch.sum(torch.pdist(torch.flatten(x, 1)))"));
  const at::Tensor x = seeded({3, 3, 4, 4}, 23);
  gradient_of_input(model, x, false);
  const std::string said = test::message_of(Fault::input, [&] { gradient_of_input(model, x, true); });
  EXPECT_TRUE(test::contains(said, "at layer 'also' or just before it, the model uses pdist, whose gradient")) << said;
}

TEST(NeverDifferentiable, OperatorsNameTheirLayer) {
  TorchScriptModel model(with_addition("torch.sum(torch.geqrf(x[0, 0])[0])"));
  const std::string said = test::message_of(Fault::input, [&] {
    gradient_of_input(model, seeded({3, 3, 4, 4}, 24), false);
  });
  EXPECT_TRUE(test::contains(said, "at layer 'also' or just before it, the model uses geqrf, for which")) << said;
}

// LibTorch 1.13 runs it as a convolution; with as many channels before as behind that goes unnoticed.
TEST(Bfloat16, ATransposedConvolutionIsOne) {
  const at::Tensor w = seeded({3, 3, 3, 3}, 25, 0.5).to(at::kBFloat16), x = seeded({2, 3, 5, 4}, 26).to(at::kBFloat16);
  for (const bool traced : {false, true}) {
    const std::string call =
        traced ? "torch._convolution(x, self.w0, None, [1, 1], [1, 1], [1, 1], True, [0, 0], 1, False, "
                 "False, True, True)"
               : "torch.conv_transpose2d(x, self.w0, None, [1, 1], [1, 1])";
    torch::jit::Module m("__torch__.Upwards");
    m.register_module("up", test::module("Up", "def forward(self, x):\n    return " + call + "\n", {w}));
    m.define("def forward(self, x):\n    return torch.mean(self.up.forward(x), [2, 3])\n");
    TorchScriptModel model(m);
    Needs needs;
    needs.captures = {{"up"}};
    const at::Tensor found = model.forward(x, needs, false)->activation("up");
    const at::Tensor wanted = at::conv_transpose2d(x.to(at::kFloat), w.to(at::kFloat), {}, 1, 1);
    EXPECT_EQ(found.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::allclose(found.to(at::kFloat), wanted, 1e-2, 1e-2)) << traced;
  }
}

}  // namespace
}  // namespace attune
