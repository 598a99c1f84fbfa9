// Gradients by rules (attune/sdk/rules.h): which operators they reach, and that nothing else is changed by them.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <attune/sdk/rules.h>

#include "errors.h"
#include "models.h"

namespace attune::test {
namespace {

constexpr uint32_t all_rules = BackwardRules::norms | BackwardRules::activations | BackwardRules::products;
constexpr uint32_t with_constant_attention = all_rules | BackwardRules::attention;

// x becomes y [N,..] by `code`, of which one weight makes 4 scores; `weights` are w1, w2...
torch::jit::Module scoring(const std::string& code, std::vector<at::Tensor> weights = {}) {
  weights.insert(weights.begin(), seeded({48, 4}, 110));
  return module("Scoring", "def forward(self, x):\n" + code + "    return torch.matmul(y.flatten(1), self.w0)\n",
                weights);
}

at::Tensor scoring_input() { return seeded({2, 3, 4, 4}, 111); }

Target second_class() { return {at::ones({2}, at::kLong)}; }

BackwardRules& rules_of_pass(Pass& pass) { return *static_cast<BackwardRules*>(pass.extension(BackwardRules::id)); }

at::Tensor by_rules(const torch::jit::Module& m, uint32_t rules) {
  TorchScriptModel model(m);
  const auto pass = model.forward(scoring_input(), {}, false);
  return rules_of_pass(*pass).gradients(second_class(), {pass->input()}, rules)[0];
}

at::Tensor own_gradient(const torch::jit::Module& m) {
  const at::AutoGradMode mode(true);
  const at::Tensor x = scoring_input().requires_grad_();
  torch::jit::Module copy = m;
  return torch::autograd::grad({copy.forward({x}).toTensor().select(1, 1).sum()}, {x})[0];
}

// How far the relevance of a sample is from its score, at most.
double lost(const torch::jit::Module& m, const at::Tensor& gradient) {
  const at::NoGradGuard guard;
  torch::jit::Module copy = m;
  const at::Tensor score = copy.forward({scoring_input()}).toTensor().select(1, 1);
  return ((scoring_input() * gradient).sum({1, 2, 3}) - score).abs().max().item<double>();
}

struct Conserving {
  const char* code;
  uint32_t rules;  // without which relevance is lost
};

constexpr uint32_t norms = BackwardRules::norms, activations = BackwardRules::activations,
                   products = BackwardRules::products;

const Conserving conserving[] = {
    {"    y = torch.gelu(x)\n", activations},
    {"    y = torch.silu(x)\n", activations},
    {"    y = torch.mish(x)\n", activations},
    {"    y = torch.elu(x)\n", activations},
    {"    y = torch.selu(x)\n", activations},
    {"    y = torch.tanh(x)\n", activations},
    {"    y = torch.hardswish(x)\n", activations},
    {"    y = torch.hardtanh(x, 0., 0.5)\n", activations},
    {"    y = torch.clamp(x, 0., 0.5)\n", activations},
    {"    y = x * torch.sigmoid(1.702 * x)\n", activations},
    {"    y = torch.sigmoid(x) * x\n", activations},
    {"    y = x * torch.tanh(torch.softplus(x))\n", activations},
    {"    y = 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * torch.pow(x, 3.0))))\n", activations},
    {"    y = 0.5 * x * (1 + torch.erf(x / 1.4))\n", activations},
    {"    y = x * torch.hardtanh(x + 3.0, 0., 6.) / 6.0\n", activations},
    {"    y = x * x\n", activations},
    {"    y = x\n    for i in range(x.size(0)):\n        y = torch.gelu(y)\n", activations},
    {"    y = x\n    if bool(x.sum() > -100.0):\n        y = y * torch.sigmoid(x)\n", activations},
    {"    y = torch.layer_norm(x, [4])\n", norms},
    {"    y = torch.layer_norm(x, [3, 4, 4], self.w1, None, 0.1)\n", norms},
    {"    y = torch.group_norm(torch.cat([x, x[:, :1]], 1), 2)[:, 1:]\n", norms},
    {"    y = torch.instance_norm(x, None, None, None, None, True, 0.1, 0.01, False)\n", norms},
    {"    y = x * torch.rsqrt(torch.mean(x * x, [1], True) + 0.01)\n", norms},
    {"    u = x - torch.mean(x, [1], True)\n    y = u * torch.rsqrt(torch.mean(u * u, [1], True) + 0.01)\n", norms},
    {"    y = (x - torch.mean(x, [1], True)) / torch.sqrt(torch.var(x, [1], False, True) + 0.01)\n", norms},
    {"    y = x / torch.norm(x, 2, [1], True).clamp_min(0.001).expand_as(x)\n", norms},
    {"    y = x / (1 + torch.exp(-x))\n", norms},
    {"    y = torch.matmul(x, x.transpose(-2, -1))\n", products},
    {"    z = x.flatten(0, 1)\n    y = torch.bmm(z, z.transpose(1, 2)).view(x.size())\n", products},
    {"    y = torch.einsum('nchw,ncwv->nchv', [x, x.relu()])\n", products},
    {"    y = x * torch.conv2d(x, self.w2, None, [1, 1], [1, 1])\n", products},
    {"    y = torch.matmul(torch.gelu(x), torch.layer_norm(x, [4]).transpose(-2, -1))\n",
     activations | norms | products},
};

std::vector<at::Tensor> weights_of_norm_and_gate() { return {seeded({3, 4, 4}, 112), seeded({3, 3, 3, 3}, 113, 0.3)}; }

TEST(Rules, KeepTheRelevanceOfWhatTheyReach) {
  for (const Conserving& c : conserving) {
    const auto m = scoring(c.code, weights_of_norm_and_gate());
    EXPECT_LT(lost(m, by_rules(m, all_rules)), 1e-9) << c.code;
    EXPECT_LT(lost(m, by_rules(m, c.rules)), 1e-9) << c.code;
    EXPECT_GT(lost(m, by_rules(m, all_rules & ~c.rules)), 1e-3) << c.code;
  }
}

TEST(Rules, LeaveEverythingElseItsDerivative) {
  for (const char* code :
       {"    y = torch.sigmoid(x)\n", "    y = torch.softplus(x)\n", "    y = torch.relu(x)\n",
        "    y = torch.exp(x)\n", "    y = torch.leaky_relu(x, 0.1)\n",
        "    y = torch.max_pool2d(x, [3, 3], [1, 1], [1, 1])\n",
        "    y = torch.batch_norm(x, None, None, self.w1.detach(), self.w2.detach(), False, 0.1, 0.1, True)\n",
        "    y = torch.softmax(x, 1)\n",
        "    y = x * self.w3 + x * (x > 0).to(6) + x * torch.ones_like(x) + x * x.detach()\n",
        "    y = x * self.w3.expand_as(x)\n", "    y = torch.matmul(x, self.w3[0]) / self.w3 * float(x.size(1))\n"}) {
    const auto m = scoring(code, {seeded({3}, 114), seeded({3}, 115).abs() + 1, seeded({3, 4, 4}, 116)});
    EXPECT_TRUE(at::allclose(by_rules(m, with_constant_attention), own_gradient(m), 1e-9, 1e-12)) << code;
  }
}

TEST(Rules, NoneIsTheOrdinaryGradient) {
  for (const Conserving& c : conserving) {
    const auto m = scoring(c.code, weights_of_norm_and_gate());
    EXPECT_TRUE(at::allclose(by_rules(m, 0), own_gradient(m), 1e-9, 1e-12)) << c.code;
  }
}

TEST(Rules, ReachAProductOfAProduct) {
  const std::string first = "    z = x * torch.conv2d(x, self.w2, None, [1, 1], [1, 1])\n";
  const auto m = scoring(first + "    y = x * torch.tanh(z)\n", weights_of_norm_and_gate());
  const auto by_hand = scoring(first +
                                   "    z = z / 2 + z.detach() / 2\n"
                                   "    y = x * (z * (torch.tanh(z) / z).detach())\n"
                                   "    y = y / 2 + y.detach() / 2\n",
                               weights_of_norm_and_gate());
  EXPECT_TRUE(at::allclose(by_rules(m, all_rules), own_gradient(by_hand), 1e-9, 1e-12));
}

// An activation's slope where its argument is zero is its derivative there.
TEST(Rules, AnActivationAtZeroHasItsDerivative) {
  TorchScriptModel model(scoring("    y = torch.gelu(x)\n"));
  const auto pass = model.forward(at::zeros({2, 3, 4, 4}, at::kDouble), {}, false);
  const auto gradient = [&](uint32_t rules) {
    return rules_of_pass(*pass).gradients(second_class(), {pass->input()}, rules)[0];
  };
  EXPECT_TRUE(at::equal(gradient(all_rules), gradient(0)));
  EXPECT_GT(gradient(0).abs().min().item<double>(), 0);
}

// Attention, with its product written in several ways: nothing reaches queries and keys, the values have all.
TEST(Rules, AttentionWeightsCanBeConstants) {
  const std::string shares = "    shares = torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)\n";
  for (const std::string product :
       {"    y = torch.matmul(shares, x)\n", "    y = torch.einsum('ncqk,nckv->ncqv', [shares, x])\n",
        "    y = torch.matmul(torch.dropout(shares, 0.5, False).to(7), x)\n",
        "    y = torch.bmm(shares.reshape(-1, 4, 4), x.reshape(-1, 4, 4)).view(x.size())\n"}) {
    const auto m = scoring(shares + product), constant = scoring(shares + "    shares = shares.detach()\n" + product);
    EXPECT_TRUE(at::allclose(by_rules(m, with_constant_attention), own_gradient(constant), 1e-9, 1e-12)) << product;
    EXPECT_FALSE(at::allclose(by_rules(m, all_rules), own_gradient(constant))) << product;
    EXPECT_LT(lost(m, by_rules(m, with_constant_attention)), 1e-9) << product;
  }
}

#if TORCH_VERSION_MAJOR >= 2
TEST(Rules, FusedAttentionIsAttention) {
  const std::string head = "    q = torch.matmul(x, self.w1)\n";
  const auto fused = scoring(head + "    y = torch.scaled_dot_product_attention(q, x, torch.gelu(x), self.w2)\n",
                             {seeded({4, 4}, 117), seeded({4, 4}, 118)});
  const auto open = scoring(head +
                                "    shares = torch.softmax(torch.matmul(q, x.transpose(-2, -1)) / 2.0 + self.w2, -1)\n"
                                "    y = torch.matmul(shares, torch.gelu(x))\n",
                            {seeded({4, 4}, 117), seeded({4, 4}, 118)});
  for (const uint32_t rules : {0U, uint32_t{products}, all_rules, with_constant_attention}) {
    EXPECT_TRUE(at::allclose(by_rules(fused, rules), by_rules(open, rules), 1e-9, 1e-12)) << rules;
  }
}

TEST(Rules, RmsNormIsANorm) {
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 4
  const auto m = scoring("    y = torch.rms_norm(x, [4], None, 0.01)\n");
  EXPECT_LT(lost(m, by_rules(m, norms)), 1e-9);
  EXPECT_GT(lost(m, by_rules(m, 0)), 1e-3);
#endif
}
#endif

// Relevance is as large at a layer as at the input, where nothing is added in between.
TEST(Rules, ReachCapturesAsTheInput) {
  TorchScriptModel model(small_model("torch.gelu(x)"));
  Needs needs;
  needs.captures = {{"conv1"}, {"act2"}, {"auto"}};
  const at::Tensor x = seeded({2, 3, 8, 6}, 119);
  const auto pass = model.forward(x, needs, false);
  const std::vector<at::Tensor> of{pass->input(), pass->activation("conv1"), pass->activation("act2"),
                                   pass->activation("auto")};
  const auto gradients = rules_of_pass(*pass).gradients(second_class(), of, all_rules);
  const at::Tensor score = pass->output().select(1, 1);
  for (size_t i = 0; i < of.size(); ++i) {
    ASSERT_EQ(gradients[i].sizes(), of[i].sizes());
    EXPECT_TRUE(at::allclose((gradients[i] * of[i]).sum({1, 2, 3}), score, 1e-9, 1e-12)) << i;
  }
}

TEST(Rules, ReachAttentionProbabilities) {
  TorchScriptModel model(vision_transformer());
  Needs needs;
  needs.captures = {{"block2", Capture::attention}};
  const auto pass = model.forward(seeded({2, 3, 8, 6}, 120), needs, false);
  const std::vector<at::Tensor> of{pass->captured(needs.captures[0])};
  const at::Tensor none = rules_of_pass(*pass).gradients(second_class(), of, with_constant_attention)[0];
  const at::Tensor half = rules_of_pass(*pass).gradients(second_class(), of, all_rules)[0];
  const at::Tensor whole = rules_of_pass(*pass).gradients(second_class(), of, 0)[0];
  EXPECT_EQ(none.abs().max().item<double>(), 0);
  EXPECT_TRUE(at::allclose(half, whole / 2, 1e-9, 1e-12));
  EXPECT_GT(whole.abs().max().item<double>(), 0);
}

TEST(Rules, LeaveThePassAsItIs) {
  for (const bool graph : {false, true}) {
    TorchScriptModel model(small_model("torch.gelu(x)"));
    Needs needs;
    needs.input_gradient = true;
    const at::Tensor x = seeded({2, 3, 8, 6}, 121);
    const auto before = model.forward(x, needs, graph), pass = model.forward(x, needs, graph);
    const auto gradient = [](Pass& of) {
      const at::AutoGradMode mode(true);
      return of.gradients(of.score(second_class()), {of.input()})[0];
    };
    const at::Tensor ruled = rules_of_pass(*pass).gradients(second_class(), {pass->input()}, all_rules)[0];
    EXPECT_EQ(ruled.requires_grad(), graph);
    EXPECT_TRUE(at::equal(gradient(*before), gradient(*pass)));
    EXPECT_FALSE(at::allclose(gradient(*pass), ruled));
    EXPECT_TRUE(at::equal(before->output(), pass->output()));
  }
}

// A layer's capture has the gradient of what it gives, also where a norm behind it is a part of it otherwise.
TEST(Rules, OfLinearLayersReachCaptures) {
  TorchScriptModel model(biased_model("torch.relu(x)"));
  Needs needs;
  for (const char* layer : {"conv1", "norm", "act1", "conv2"}) needs.captures.push_back({layer});
  const at::Tensor x = seeded({2, 3, 9, 7}, 124);
  const auto pass = model.forward(x, needs, false);
  auto& rules = *static_cast<PropagationRules*>(pass->extension(PropagationRules::id));
  std::vector<at::Tensor> of{pass->input()};
  for (const Capture& capture : needs.captures) of.push_back(pass->captured(capture));
  const LinearRule z_plus{LinearRule::z_plus, 0}, gamma{LinearRule::gamma, 0.5};
  const auto gradients = rules.gradients(second_class(), of, 0, z_plus, gamma);
  const auto relevance = [&](size_t i) { return (of[i] * gradients[i]).flatten(1).sum(1); };
  EXPECT_TRUE(at::allclose(relevance(2), relevance(3), 1e-9, 1e-12)) << "a rectifier hands on what it is given";
  EXPECT_FALSE(at::allclose(relevance(1), relevance(2), 1e-3)) << "the norm's shift keeps its share";
  const auto plain = rules.gradients(second_class(), of, 0, {}, {});
  EXPECT_FALSE(at::allclose(plain[4], gradients[4], 1e-3));
  for (size_t i = 0; i < of.size(); ++i) EXPECT_EQ(gradients[i].sizes(), of[i].sizes());
  const auto own = rules_of_pass(*pass).gradients(second_class(), of, 0);
  for (size_t i = 0; i < of.size(); ++i) EXPECT_TRUE(at::allclose(plain[i], own[i], 1e-9, 1e-12)) << i;
}

TEST(Rules, FollowParametersThatChange) {
  const auto m = small_model("torch.gelu(x)");
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 6}, 122);
  const auto gradient = [&](TorchScriptModel& of) {
    const auto pass = of.forward(x, {}, false);
    return rules_of_pass(*pass).gradients(second_class(), {pass->input()}, all_rules)[0];
  };
  const at::Tensor before = gradient(model);
  {
    const at::NoGradGuard guard;
    m.attr("conv1").toModule().attr("w0").toTensor().mul_(1.5);
  }
  EXPECT_FALSE(at::allclose(gradient(model), before));
  TorchScriptModel anew(m);
  EXPECT_TRUE(at::equal(gradient(model), gradient(anew)));
}

TEST(Rules, WhatTheyCannotDoIsRefused) {
  TorchScriptModel model(small_model());
  const at::Tensor x = seeded({2, 3, 8, 6}, 123);
  const auto pass = model.forward(x, {}, false);
  EXPECT_EQ(pass->extension("attune.rules/3"), nullptr);
  BackwardRules& rules = rules_of_pass(*pass);
  EXPECT_EQ(message_of(Fault::run, [&] { rules.gradients(second_class(), {pass->input()}, 32); }),
            "gradients were asked for by a rule that this attune does not know (32)");
  EXPECT_EQ(message_of(Fault::run, [&] { rules.gradients(second_class(), {pass->input()}, 16); }),
            "gradients by differences were asked for of attune.rules/1; they came with attune.rules/2");
  const auto odd = model.forward(x.narrow(0, 0, 1), {}, false);
  auto& further = *static_cast<PropagationRules*>(odd->extension(PropagationRules::id));
  EXPECT_EQ(
      message_of(Fault::run, [&] { further.gradients(Target(at::ones({1}, at::kLong)), {odd->input()}, 16, {}, {}); }),
      "gradients by differences were asked for of 1 rows, which are no two halves");
  EXPECT_EQ(message_of(Fault::run, [&] { rules.gradients(second_class(), {x.clone()}, 0); }),
            "gradients by rules were asked for of a tensor that is neither the input nor a capture");
}

}  // namespace
}  // namespace attune::test
