// Writes in place: maps are those of the same model without them.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

// Blocks of tokens [N,T,4] that end in a sum, whose first part is the result of a linear layer: a view.
torch::jit::Module token_model() {
  torch::jit::Module m("__torch__.Tokens");
  for (const std::string name : {"first", "second"}) {
    torch::jit::Module block("__torch__." + name);
    block.register_parameter("weight", seeded({4, 4}, 1), false);
    block.register_parameter("bias", seeded({4}, 2), false);
    block.register_module("tanh", test::activation("torch.tanh(x)"));
    block.define("def forward(self, x):\n    return torch.linear(self.tanh.forward(x), self.weight, self.bias) + x\n");
    m.register_module(name, block);
  }
  m.define(
      "def forward(self, x):\n"
      "    return torch.mean(torch.gelu(self.second.forward(self.first.forward(x))), [1])\n");
  return m;
}

// y = sigmoid(conv(x)), which autograd saves; the scores are the mean of what `code` makes of y.
torch::jit::Module writing(const std::string& code) {
  torch::jit::Module m("__torch__.Writing");
  m.register_module("conv", test::conv(3, 6, 5));
  m.define(
      "def forward(self, x):\n"
      "    y = torch.sigmoid(self.conv.forward(x))\n" +
      code + "    return torch.mean(z, [2, 3])\n");
  return m;
}

struct Pair {
  std::string in_place, safe;
};

std::vector<Pair> pairs() {
  return {
      {"    y[:, 0:2] = y[:, 0:2] * 2.0 - 0.5\n    y[:, 2:4] = (y[:, 2:4] * 2.0) ** 2\n    z = y * y\n",
       "    z = torch.cat([y[:, 0:2] * 2.0 - 0.5, (y[:, 2:4] * 2.0) ** 2, y[:, 4:]], 1)\n    z = z * z\n"},
      {"    p = y.permute([0, 2, 3, 1])\n    p[..., 0] = p[..., 0] ** 3\n    z = p.permute([0, 3, 1, 2]) * y\n",
       "    z = torch.cat([y[:, :1] ** 3, y[:, 1:]], 1)\n    z = z * z\n"},
      {"    a = y[:, 1]\n    y[:, 1:3] *= 3.0\n    z = y * a.unsqueeze(1)\n",
       "    y = torch.cat([y[:, :1], y[:, 1:3] * 3.0, y[:, 3:]], 1)\n    z = y * y[:, 1:2]\n"},
      {"    b = y * y\n    y.add_(1.0)\n    z = b + y ** 2\n", "    z = y * y + (y + 1.0) ** 2\n"},
      {"    a, b = y.chunk(2, 1)\n    y[:, 0:3] = y[:, 0:3] ** 2\n    z = a * b * y[:, 3:]\n",
       "    a, b = y.chunk(2, 1)\n    z = a ** 2 * b * b\n"},
      {"    a, b = y.chunk(2, 1)\n    torch.tanh_(a)\n    torch.sigmoid_(b)\n    z = a * b\n",
       "    a, b = y.chunk(2, 1)\n    z = torch.tanh(a) * torch.sigmoid(b)\n"},
      {"    y[:, 0] = 0.5\n    y[0, 1:3].fill_(0.25)\n    y[:, 5].zero_()\n    z = y ** 2\n",
       "    k = torch.ones_like(y)\n    c = torch.zeros_like(y)\n    k[:, 0] = 0.0\n    c[:, 0] = 0.5\n"
       "    k[0, 1:3] = 0.0\n    c[0, 1:3] = 0.25\n    k[:, 5] = 0.0\n    z = (y * k + c) ** 2\n"},
      {"    y[y > 0.5] = y[y > 0.5] * 2.0\n    z = y ** 2\n", "    z = torch.where(y > 0.5, y * 2.0, y) ** 2\n"},
      {"    w = y.clone()\n    w.copy_(y * y)\n    z = w * y\n", "    z = y * y * y\n"},
      {"    v = y.view([2, 2, 3, 4, 4])\n    v[:, 0] = v[:, 1] * v[:, 0]\n    z = y ** 2\n",
       "    z = torch.cat([y[:, 3:] * y[:, :3], y[:, 3:]], 1) ** 2\n"},
  };
}

std::vector<at::Tensor> derivatives_of(const at::Tensor& y, const at::Tensor& x, const at::Tensor& w) {
  const at::Tensor first = torch::autograd::grad({y.select(1, 0).sum() + y.square().sum()}, {x}, {}, true, true)[0];
  auto result = torch::autograd::grad({first.square().sum()}, {x, w});
  result.push_back(first);
  return result;
}

TEST(Writes, SumsOfTokensAreNotSeenByGradients) {
  TorchScriptModel model(token_model());
  const at::Tensor x = seeded({2, 3, 4}, 5), own = x.clone().requires_grad_();
  const at::Tensor expected = torch::autograd::grad({model.module_output(own, true).select(1, 1).sum()}, {own})[0];
  for (const std::string block : {"first", "second"}) {
    for (const bool graph : {false, true}) {
      const Capture layer{block + ".tanh", Capture::raw};
      Needs needs;
      needs.captures = {layer};
      needs.gradients = needs.input_gradient = true;
      const auto pass = model.forward(x, needs, graph);
      const at::Tensor score = pass->score({at::ones({2}, at::kLong)});
      EXPECT_GT(pass->gradients(score, {pass->captured(layer)})[0].abs().max().item<double>(), 0) << block;
      EXPECT_TRUE(at::allclose(pass->gradients(score, {pass->input()})[0], expected, 1e-12, 1e-12)) << block;
    }
  }
}

TEST(Writes, MapsAreThoseOfTheModelWithoutThem) {
  for (const Pair& pair : pairs()) {
    TorchScriptModel model(writing(pair.in_place)), safe(writing(pair.safe));
    const at::Tensor x = seeded({2, 3, 4, 4}, 31), before = x.clone();
    EXPECT_TRUE(at::allclose(model.module_output(x, false), safe.module_output(x, false))) << pair.in_place;
    for (const bool graph : {false, true}) {
      Needs needs;
      needs.captures = {{"conv"}};
      needs.gradients = true;
      const at::AutoGradMode mode(true);
      const auto gradient = [&](TorchScriptModel& of) {
        const auto pass = of.forward(x, needs, graph);
        return pass->gradients(pass->score({at::zeros({2}, at::kLong)}), {pass->activation("conv")})[0];
      };
      EXPECT_TRUE(at::allclose(gradient(model), gradient(safe))) << pair.in_place;
    }
    const at::Tensor leaf = x.clone().requires_grad_();
    const auto ours = derivatives_of(model.forward(leaf, {}, true)->output(), leaf, model.parameter("conv.w0"));
    const auto theirs = derivatives_of(safe.forward(leaf, {}, true)->output(), leaf, safe.parameter("conv.w0"));
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(at::allclose(ours[i], theirs[i])) << pair.in_place << i;
    EXPECT_TRUE(at::equal(x, before));
  }
}

// `contiguous` may give a view or a copy, which shows when it runs.
TEST(Writes, AreSeenWhereTheyAreSeenInTheModule) {
  for (const std::string change : {"y", "y.transpose(2, 3)"}) {
    TorchScriptModel model(writing("    c = " + change +
                                   ".contiguous()\n"
                                   "    y[:, 0] = 1.0\n"
                                   "    z = y + c + torch.flatten(y, 2).view(y.size())\n"));
    const at::Tensor x = seeded({2, 3, 4, 4}, 33), expected = model.module_output(x, false);
    for (const bool graph : {false, true}) {
      EXPECT_TRUE(at::allclose(model.forward(x, {}, graph)->output(), expected)) << change;
    }
  }
}

// Nothing behind the loop reads y, but every turn reads what the one before it has written.
TEST(Writes, OfATurnAreSeenByTheNext) {
  TorchScriptModel model(
      writing("    s = torch.zeros_like(y[:, 0])\n"
              "    for i in range(y.size(1) - 1):\n"
              "        v = y[:, i]\n"
              "        s = s + v\n"
              "        w = y[:, i + 1]\n"
              "        w.add_(v)\n"
              "    z = s.unsqueeze(1)\n"));
  const at::Tensor x = seeded({2, 3, 4, 4}, 34), expected = model.module_output(x, false);
  for (const bool graph : {false, true}) {
    EXPECT_TRUE(at::allclose(model.forward(x, {}, graph)->output(), expected)) << graph;
  }
}

// In a loop whose body writes what was made before it the write stays, and autograd's complaint is explained.
TEST(Writes, ThatStayAreExplained) {
  TorchScriptModel model(writing("    for i in range(y.size(1)):\n        y[:, i] = y[:, i] ** 2\n    z = y\n"));
  const at::Tensor x = seeded({2, 3, 4, 4}, 32);
  const std::string said = test::message_of(Fault::input, [&] {
    Needs needs;
    needs.input_gradient = true;
    const at::AutoGradMode mode(true);
    const auto pass = model.forward(x, needs, false);
    pass->gradients(pass->score({at::zeros({2}, at::kLong)}), {pass->input()});
  });
  EXPECT_TRUE(test::contains(said, "overwrites a tensor that its own gradient needs")) << said;
}

}  // namespace
}  // namespace attune
