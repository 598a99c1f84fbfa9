#include <gtest/gtest.h>

#include "errors.h"
#include "methods.h"

namespace attune {
namespace {

// Of 3 channels to 4 classes: patches, two blocks (norm, attention, norm, MLP), norm, mean, fc.
test::Module lrp_block(uint64_t seed) {
  return test::module(
      "Block",
      "def forward(self, x):\n"
      "    y = torch.layer_norm(x, [6], self.w0, self.w1, 0.01)\n"
      "    y = torch.linear(y, self.w2).reshape([x.size(0), x.size(1), 3, 2, -1])\n"
      "    q, k, v = y.permute([2, 0, 3, 1, 4]).unbind(0)\n"
      "    shares = torch.softmax(torch.matmul(q, k.transpose(-2, -1)) / 2.0, -1)\n"
      "    x = x + torch.matmul(shares, v).transpose(1, 2).reshape(x.size())\n"
      "    y = torch.layer_norm(x, [6], self.w0, None, 0.01)\n"
      "    return x + torch.linear(torch.gelu(torch.linear(y, self.w3, self.w4)), self.w5)\n",
      {test::seeded({6}, seed) + 1, test::seeded({6}, seed + 1, 0.3), test::seeded({18, 6}, seed + 2, 0.5),
       test::seeded({9, 6}, seed + 3, 0.5), test::seeded({9}, seed + 4, 0.3), test::seeded({6, 9}, seed + 5, 0.5)});
}

test::Module lrp_transformer() {
  test::Module m("__torch__.Lrp");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module(
      "patches", test::module("Patches", "def forward(self, x):\n    return torch.conv2d(x, self.w0, None, [2, 2])\n",
                              {test::seeded({6, 3, 2, 2}, 80, 0.5)}));
  m.register_module("block1", lrp_block(81));
  m.register_module("block2", lrp_block(91));
  m.register_module("fc", test::module("Linear", "def forward(self, x):\n    return torch.linear(x, self.w0)\n",
                                       {test::seeded({4, 6}, 101)}));
  m.define(
      "def forward(self, x):\n"
      "    x = self.patches.forward(x).flatten(2).transpose(1, 2)\n"
      "    x = self.block2.forward(self.block1.forward(x))\n"
      "    return self.fc.forward(torch.mean(x, [1]))\n");
  return m;
}

// The rules by hand: the same values, with what counts as a constant detached.
at::Tensor half(const at::Tensor& product) { return product / 2 + product.detach() / 2; }

at::Tensor norm_by_hand(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  const at::Tensor centred = x - x.mean(-1, true);
  const at::Tensor deviation = (centred.square().mean(-1, true) + 0.01).sqrt().detach();
  return centred / deviation * w + (b.defined() ? b : at::zeros_like(w));
}

at::Tensor block_by_hand(const test::Module& block, at::Tensor x, bool cp) {
  const auto w = [&](int i) { return block.attr("w" + std::to_string(i)).toTensor().detach(); };
  const at::Tensor qkv = at::linear(norm_by_hand(x, w(0), w(1)), w(2)).reshape({x.size(0), x.size(1), 3, 2, -1});
  const auto parts = qkv.permute({2, 0, 3, 1, 4}).unbind(0);
  at::Tensor shares = (half(at::matmul(parts[0], parts[1].transpose(-2, -1))) / 2).softmax(-1);
  const at::Tensor mixed = cp ? at::matmul(shares.detach(), parts[2]) : half(at::matmul(shares, parts[2]));
  x = x + mixed.transpose(1, 2).reshape(x.sizes());
  const at::Tensor inner = at::linear(norm_by_hand(x, w(0), {}), w(3), w(4));
  return x + at::linear(inner * (at::gelu(inner) / inner).detach(), w(5));
}

at::Tensor relevance_by_hand(const test::Module& m, const at::Tensor& input, bool cp, int64_t target) {
  const at::AutoGradMode mode(true);
  const auto weight = [&](const char* layer) { return m.attr(layer).toModule().attr("w0").toTensor().detach(); };
  const at::Tensor x = input.detach().requires_grad_();
  at::Tensor y = at::conv2d(x, weight("patches"), {}, 2).flatten(2).transpose(1, 2);
  for (const char* block : {"block1", "block2"}) y = block_by_hand(m.attr(block).toModule(), y, cp);
  const at::Tensor score = at::linear(y.mean(1), weight("fc")).select(1, target).sum();
  return (input * torch::autograd::grad({score}, {x})[0]).sum(1, true);
}

at::Tensor lrp_map(const test::Module& module, const at::Tensor& x, const test::Given& given, int64_t target = 1) {
  TorchScriptModel model(module);
  return test::map_of(model, x, "attn_lrp", given, target);
}

TEST(AttnLrp, EqualsTheRulesByHand) {
  const auto module = lrp_transformer();
  const at::Tensor x = test::seeded({2, 3, 8, 6}, 102);
  for (const bool cp : {false, true}) {
    const at::Tensor expected = relevance_by_hand(module, x, cp, 1);
    const at::Tensor map = lrp_map(module, x, {{"variant", cp ? "cp" : "attn"}});
    ASSERT_EQ(map.sizes(), (at::IntArrayRef{2, 1, 8, 6}));
    EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << cp << " " << (map - expected).abs().max();
    EXPECT_GT(expected.abs().max().item<double>(), 1e-3);
  }
  EXPECT_FALSE(at::allclose(lrp_map(module, x, {}), lrp_map(module, x, {{"variant", "cp"}})));
  EXPECT_TRUE(at::allclose(lrp_map(module, x, {{"channels", "keep"}}).sum(1, true), lrp_map(module, x, {})));
}

// Attention weights that take nothing, and no bias: all of the score arrives at the input.
TEST(AttnLrp, ConservesTheScore) {
  const auto module = lrp_transformer();
  for (const char* block : {"block1", "block2"}) {
    const at::NoGradGuard guard;
    for (const char* bias : {"w1", "w4"}) module.attr(block).toModule().attr(bias).toTensor().zero_();
  }
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({3, 3, 8, 6}, 103);
  const at::Tensor score = model.module_output(x, false).select(1, 2);
  const auto relevance = [&](const char* variant) {
    return lrp_map(module, x, {{"variant", variant}}, 2).sum({1, 2, 3});
  };
  EXPECT_TRUE(at::allclose(relevance("cp"), score, 1e-9, 1e-12)) << relevance("cp") << score;
  EXPECT_FALSE(at::allclose(relevance("attn"), score)) << "softmax conserves nothing";
}

TEST(AttnLrp, OfARectifiedNetworkIsInputTimesGradient) {
  const auto module = test::biased_model("torch.relu(x)");
  TorchScriptModel model(module);
  const at::Tensor x = test::seeded({2, 3, 9, 7}, 104);
  const at::Tensor gradient = test::map_of(model, x, "saliency", {{"absolute", false}}, 1);
  EXPECT_TRUE(at::allclose(lrp_map(module, x, {}), (x * gradient).sum(1, true), 1e-9, 1e-12));
}

// A pass of a host that knows no rules.
class PassWithoutRules final : public Pass {
 public:
  explicit PassWithoutRules(Pass& pass) : pass_(pass) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor captured(const Capture& capture) override { return pass_.captured(capture); }
  std::string layer(const std::string& name) override { return pass_.layer(name); }
  at::Tensor bias(const Capture& capture) override { return pass_.bias(capture); }
  bool wants_graph() const override { return false; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of, Rectifier r) override {
    return pass_.gradients(score, of, r);
  }
  at::Tensor resume(const Capture& capture, const at::Tensor& x) override { return pass_.resume(capture, x); }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return pass_.generator(); }

 private:
  Pass& pass_;
};

TEST(AttnLrp, RefusesAHostWithoutRules) {
  TorchScriptModel model(test::small_model());
  const auto pass = model.forward(test::seeded({1, 3, 8, 8}, 107), {}, false);
  PassWithoutRules old(*pass);
  const Target target{at::zeros({1}, at::kLong)};
  EXPECT_EQ(test::message_of(Fault::run, [&] { test::own_plugins().make_method("attn_lrp")->attend(old, target); }),
            "attn_lrp needs an attune with the extension \"attune.rules/1\"");
}

TEST(AttnLrp, BatchEqualsSamples) {
  test::expect_batch_equals_samples("attn_lrp");
  test::expect_batch_equals_samples(lrp_transformer(), test::seeded({3, 3, 8, 6}, 105), "attn_lrp", {});
}

TEST(AttnLrp, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("attn_lrp", {}, "torch.gelu(x)");
  for (const char* variant : {"attn", "cp"}) {
    test::expect_gradients_are_finite_differences(lrp_transformer(), test::seeded({2, 3, 4, 6}, 106), "attn_lrp",
                                                  {{"variant", variant}});
  }
}

}  // namespace
}  // namespace attune
