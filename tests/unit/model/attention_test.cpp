// Captures beside the spatial one: probabilities of attention, raw activations; and the biases of affine layers.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include "errors.h"
#include "models.h"

namespace attune::test {
namespace {

std::vector<std::string> attention_layers(const TorchScriptModel& model) {
  std::vector<std::string> names;
  for (const LayerInfo& layer : model.layers()) {
    if (layer.attention) names.push_back(layer.name);
  }
  return names;
}

Needs capturing(std::vector<Capture> captures, bool gradients = false) {
  Needs needs;
  needs.captures = std::move(captures);
  needs.gradients = gradients;
  return needs;
}

Target class_zero(int64_t rows) { return {at::zeros({rows}, at::kLong)}; }

// A block of vision_transformer(), by hand: the probabilities and what the block gives.
std::pair<at::Tensor, at::Tensor> block(const at::Tensor& x, const at::Tensor& weight, int64_t heads) {
  const at::Tensor y = at::matmul(x, weight).view({x.size(0), x.size(1), 3, heads, -1}).permute({2, 0, 3, 1, 4});
  const at::Tensor shares = at::softmax(at::matmul(y[0], y[1].transpose(-2, -1)), -1);
  return {shares, x + at::matmul(shares, y[2]).transpose(1, 2).reshape(x.sizes())};
}

// The score of the first class behind tokens, with both blocks' probabilities.
struct ByHand {
  at::Tensor shares1, after1, shares2, after2, score;

  ByHand(const torch::jit::Module& m, const at::Tensor& tokens) {
    const auto weight = [&](const char* name) { return m.attr(name).toModule().attr("w0").toTensor(); };
    std::tie(shares1, after1) = block(tokens, weight("block1"), 2);
    std::tie(shares2, after2) = block(after1, weight("block2"), 3);
    score = at::matmul(after2.select(1, 0), weight("fc")).select(1, 0);
  }
};

TEST(Attention, ProbabilitiesAndTheirGradientsAreThoseOfTheModel) {
  const auto module = vision_transformer();
  TorchScriptModel model(module);
  EXPECT_EQ(attention_layers(model), (std::vector<std::string>{"block1", "block2"}));
  const at::Tensor x = seeded({2, 3, 8, 6}, 70);
  const Capture first{"block1", Capture::attention}, second{"block2", Capture::attention};
  for (const bool graph : {false, true}) {
    const auto pass = model.forward(x, capturing({second, first, {"tokens", Capture::raw}}, true), graph);
    const at::AutoGradMode mode(true);
    const ByHand expected(module, pass->captured({"tokens", Capture::raw}).detach().requires_grad_());
    ASSERT_EQ(pass->captured(first).sizes(), (at::IntArrayRef{2, 2, 13, 13}));
    EXPECT_TRUE(at::allclose(pass->captured(first), expected.shares1)) << graph;
    EXPECT_TRUE(at::allclose(pass->captured(second), expected.shares2)) << graph;
    EXPECT_EQ(pass->captured(first).requires_grad(), graph);
    const auto gradients = pass->gradients(pass->score(class_zero(2)), {pass->captured(first), pass->captured(second)});
    const auto wanted = torch::autograd::grad({expected.score.sum()}, {expected.shares1, expected.shares2});
    EXPECT_TRUE(at::allclose(gradients[0], wanted[0])) << graph;
    EXPECT_TRUE(at::allclose(gradients[1], wanted[1])) << graph;
    EXPECT_GT(gradients[0].abs().max().item<double>(), 1e-6);
  }
}

TEST(Attention, WithoutGradientsNothingIsRecorded) {
  TorchScriptModel model(vision_transformer());
  const auto pass = model.forward(seeded({1, 3, 8, 6}, 71), capturing({{"block2", Capture::attention}}), false);
  EXPECT_FALSE(pass->output().requires_grad());
  EXPECT_TRUE(at::allclose(pass->captured({"block2", Capture::attention}).sum(-1), at::ones({1, 3, 13}, at::kDouble)));
}

// Heads in the batch as nn.MultiheadAttention has them, products by einsum, a softmax that is a layer, one module
// called twice, a block whose innards are layers of their own.
TEST(Attention, BlocksAreFoundHoweverTheyAreWritten) {
  const auto tokens = [](const std::string& name, const std::string& code) {
    return module(name, code, {seeded({3, 3}, 72)});
  };
  auto folded = tokens("Folded",
                       "def forward(self, x):\n"
                       "    y = torch.cat([x, torch.matmul(x, self.w0)], 2).transpose(0, 1)\n"
                       "    y = y.reshape([x.size(1), x.size(0) * 2, 3]).transpose(0, 1)\n"
                       "    y = torch.bmm(torch.softmax(torch.bmm(y, y.transpose(1, 2)), -1), y)\n"
                       "    return y.transpose(0, 1).reshape([x.size(1), x.size(0), 6]).transpose(0, 1)[:, :, 0:3]\n");
  auto contracted =
      tokens("Contracted",
             "def forward(self, x):\n"
             "    y = torch.matmul(x, self.w0).unsqueeze(1)\n"
             "    a = torch.dropout(torch.softmax(torch.einsum('nhqc,nhkc->nhqk', [y, y]), 3), 0.1, False)\n"
             "    return torch.einsum('nhqk,nhkc->nhqc', [a, y]).squeeze(1)\n");
  torch::jit::Module m("__torch__.Various");
  m.register_attribute("training", c10::BoolType::get(), false);
  torch::jit::Module outer("__torch__.Outer");
  outer.register_attribute("training", c10::BoolType::get(), false);
  outer.register_module("project", tokens("Project", "def forward(self, x):\n    return torch.matmul(x, self.w0)\n"));
  outer.register_module("softmax", module("Softmax", "def forward(self, x):\n    return torch.softmax(x, -1)\n"));
  outer.define(
      "def forward(self, x):\n"
      "    y = self.project.forward(x).unsqueeze(1)\n"
      "    a = self.softmax.forward(torch.matmul(y, y.transpose(-2, -1)))\n"
      "    return self.project.forward(torch.matmul(a, y).squeeze(1))\n");
  m.register_module("folded", folded);
  m.register_module("contracted", contracted);
  m.register_module("outer", outer);
  m.register_module("gate", module("Gate", "def forward(self, x):\n    return x * torch.softmax(x, -1)\n"));
  m.define(
      "def forward(self, x):\n"
      "    x = self.contracted.forward(self.folded.forward(x.flatten(2).transpose(1, 2)))\n"
      "    x = self.outer.forward(self.contracted.forward(x))\n"
      "    return torch.mean(self.gate.forward(x), [1])\n");
  TorchScriptModel model(m);
  const std::vector<std::string> names{"folded", "contracted", "contracted@2", "outer"};
  EXPECT_EQ(attention_layers(model), names);
  std::vector<Capture> captures;
  for (const auto& name : names) captures.push_back({name, Capture::attention});
  const at::Tensor x = seeded({2, 3, 2, 3}, 73);
  const auto pass = model.forward(x, capturing(captures), false);
  const auto one = model.forward(x.narrow(0, 1, 1), capturing(captures), false);
  for (const Capture& capture : captures) {
    const int64_t heads = capture.layer == "folded" ? 2 : 1;
    ASSERT_EQ(pass->captured(capture).sizes(), (at::IntArrayRef{2, heads, 6, 6})) << capture.layer;
    EXPECT_TRUE(at::allclose(pass->captured(capture).sum(-1), at::ones({2, heads, 6}, at::kDouble))) << capture.layer;
    EXPECT_TRUE(at::allclose(pass->captured(capture).narrow(0, 1, 1), one->captured(capture))) << capture.layer;
  }
}

#if TORCH_VERSION_MAJOR >= 2
TEST(Attention, FusedAttentionIsOpened) {
  torch::jit::Module m("__torch__.Fused");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("attention", module("Attention",
                                        "def forward(self, x):\n"
                                        "    y = torch.matmul(x, self.w0).unsqueeze(1)\n"
                                        "    return torch.scaled_dot_product_attention(y, y, y).squeeze(1)\n",
                                        {seeded({3, 3}, 74)}));
  m.define("def forward(self, x):\n    return torch.mean(self.attention.forward(x.flatten(2).transpose(1, 2)), [1])\n");
  TorchScriptModel model(m);
  EXPECT_EQ(attention_layers(model), std::vector<std::string>{"attention"});
  const at::Tensor x = seeded({2, 3, 2, 3}, 75);
  const at::Tensor y = at::matmul(x.flatten(2).transpose(1, 2), m.attr("attention").toModule().attr("w0").toTensor());
  const at::Tensor expected = at::softmax(at::matmul(y, y.transpose(1, 2)) / std::sqrt(3.0), -1).unsqueeze(1).detach();
  for (const bool gradients : {false, true}) {
    const auto pass = model.forward(x, capturing({{"attention", Capture::attention}}, gradients), false);
    EXPECT_TRUE(at::allclose(pass->captured({"attention", Capture::attention}), expected));
    EXPECT_TRUE(at::allclose(pass->output().detach(), model.module_output(x, false)));
  }
}
#endif

TEST(Attention, OtherLayersAreRefusedWithTheNearestBlock) {
  TorchScriptModel model(vision_transformer());
  const auto refusal = [](TorchScriptModel& of, const std::string& layer) {
    return message_of(Fault::input, [&] {
      of.forward(seeded({1, 3, 8, 6}, 76), capturing({{layer, Capture::attention}}), false);
    });
  };
  EXPECT_EQ(refusal(model, "tokens"),
            "layer 'tokens' is no attention block: it has no softmax between positions; the nearest that is one is "
            "'block1'");
  EXPECT_EQ(
      refusal(model, "fc"),
      "layer 'fc' is no attention block: it has no softmax between positions; the nearest that is one is 'block2'");
  EXPECT_EQ(refusal(model, "blok1"), "unknown layer 'blok1' (did you mean \"block1\"?); `attune layers` lists all 5");
  TorchScriptModel convolutional(small_model());
  EXPECT_EQ(refusal(convolutional, "conv1"),
            "layer 'conv1' is no attention block: the model has none (softmax between positions)");
}

TEST(Attention, WindowsAreRefused) {
  torch::jit::Module m("__torch__.Windows");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("windows",
                    module("Windows",
                           "def forward(self, x):\n"
                           "    y = x.reshape([x.size(0) * 4, 1, -1, 3])\n"
                           "    y = torch.matmul(torch.softmax(torch.matmul(y, y.transpose(-2, -1)), -1), y)\n"
                           "    return y.reshape([x.size(0), -1, 3])\n"));
  m.define("def forward(self, x):\n    return torch.mean(self.windows.forward(x.flatten(2).transpose(1, 2)), [1])\n");
  TorchScriptModel model(m);
  EXPECT_EQ(
      message_of(Fault::input,
                 [&] {
                   model.forward(seeded({2, 3, 4, 4}, 77), capturing({{"windows", Capture::attention}}), false);
                 }),
      "layer 'windows' gives attention [8, 1, 4, 4] for an input of [2, 3, 4, 4], not [N,H,Q,K]: parts of the input "
      "(windows) attend each for itself");
}

TEST(RawCaptures, AreWhatTheLayerGaveWithItsClassToken) {
  const auto module = vision_transformer();
  TorchScriptModel model(module);
  const at::Tensor x = seeded({2, 3, 8, 6}, 78);
  const Capture raw{"block1", Capture::raw}, spatial{"block1"};
  const auto pass = model.forward(x, capturing({raw, spatial, {"tokens", Capture::raw}}, true), false);
  const at::AutoGradMode mode(true);
  const ByHand expected(module, pass->captured({"tokens", Capture::raw}).detach());
  EXPECT_TRUE(at::allclose(pass->captured(raw), expected.after1));
  EXPECT_TRUE(at::allclose(pass->captured(spatial).flatten(2).transpose(1, 2), expected.after1.slice(1, 1)));
  const auto gradients = pass->gradients(pass->score(class_zero(2)), {pass->captured(raw), pass->captured(spatial)});
  EXPECT_TRUE(at::allclose(gradients[0].slice(1, 1), gradients[1].flatten(2).transpose(1, 2)));
  EXPECT_GT(gradients[0].select(1, 0).abs().max().item<double>(), 1e-6) << "of the class token";
  EXPECT_TRUE(at::allclose(pass->resume(raw, pass->captured(raw)), pass->output()));
  const at::Tensor twice = pass->captured(raw).repeat_interleave(2, 0);
  EXPECT_TRUE(at::allclose(pass->resume(raw, twice), pass->output().repeat_interleave(2, 0)));
  EXPECT_FALSE(at::allclose(pass->resume(raw, pass->captured(raw) * 0.5), pass->output()));
}

TEST(RawCaptures, NeedNoMap) {
  TorchScriptModel model(small_model());
  const at::Tensor x = seeded({2, 3, 8, 8}, 79);
  EXPECT_THROW(TorchScriptModel(vision_transformer()).forward(x, capturing({{"fc"}}), false), Error);
  TorchScriptModel tokens(vision_transformer());
  EXPECT_EQ(tokens.forward(x, capturing({{"fc", Capture::raw}}), false)->captured({"fc", Capture::raw}).sizes(),
            (at::IntArrayRef{2, 4}));
  const auto pass = model.forward(x, capturing({{"conv1"}}), false);
  EXPECT_EQ(message_of(Fault::run,
                       [&] {
                         pass->captured({"conv1", Capture::raw});
                       }),
            "the raw activation of layer 'conv1' was not declared in the method's Needs");
  EXPECT_EQ(message_of(Fault::run, [&] { pass->activation("conv2"); }),
            "layer 'conv2' was not declared in the method's Needs");
}

// A network of rectifiers is linear around its input: the score is its gradient times the input, and every bias times
// the gradient where it is added (Srinivas and Fleuret 2019, proposition 1).
TEST(Biases, WithTheInputTheyMakeUpTheScore) {
  TorchScriptModel model(biased_model("torch.relu(x)"));
  const at::Tensor x = seeded({2, 3, 9, 7}, 91);
  Needs needs;
  std::vector<std::string> affine;
  for (const LayerInfo& layer : model.layers()) {
    if (!layer.affine) continue;
    affine.push_back(layer.name);
    needs.captures.push_back({layer.name, Capture::raw});
  }
  EXPECT_EQ(affine, (std::vector<std::string>{"conv1", "norm", "conv2", "fc"}));
  needs.gradients = needs.input_gradient = true;
  for (const bool graph : {false, true}) {
    const auto pass = model.forward(x, needs, graph);
    const at::AutoGradMode mode(true);
    std::vector<at::Tensor> of{pass->input()};
    for (const Capture& capture : needs.captures) of.push_back(pass->captured(capture));
    const auto gradients = pass->gradients(pass->score(class_zero(2)), of);
    at::Tensor sum = (gradients[0] * pass->input()).flatten(1).sum(1);
    for (size_t i = 0; i < needs.captures.size(); ++i) {
      const at::Tensor bias = pass->bias(needs.captures[i]);
      EXPECT_EQ(bias.requires_grad(), graph) << affine[i];
      sum = sum + (gradients[i + 1] * bias).flatten(1).sum(1);
    }
    EXPECT_TRUE(at::allclose(sum, pass->score(class_zero(2)))) << graph;
  }
}

TEST(Biases, LayersWithoutHaveNone) {
  TorchScriptModel model(biased_model("torch.relu(x)"));
  const auto pass = model.forward(seeded({1, 3, 9, 7}, 92), capturing({{"act1"}, {"norm"}}), false);
  EXPECT_FALSE(pass->bias({"act1"}).defined());
  EXPECT_EQ(pass->bias({"norm"}).sizes(), (at::IntArrayRef{1, 4, 1, 1}));
  TorchScriptModel plain(small_model());
  EXPECT_FALSE(plain.layers()[0].affine);
  EXPECT_FALSE(plain.forward(seeded({1, 3, 8, 8}, 93), capturing({{"conv1"}}), false)->bias({"conv1"}).defined());
}

}  // namespace
}  // namespace attune::test
