// Convolutions in float32, which frozen passes run with packed weights and graphs channels last: values and gradients
// are those of float64 up to rounding, for every kind of convolution, size of input and thread.

#include <atomic>
#include <gtest/gtest.h>
#include <limits>
#include <thread>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include "model/pieces/pieces.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

void add_norm(torch::jit::Module& m, const std::string& name, int64_t channels, uint64_t seed) {
  m.register_parameter(name + "_scale", seeded({channels}, seed).abs() + 0.5, false);
  m.register_parameter(name + "_shift", seeded({channels}, seed + 1, 0.3), false);
  m.register_buffer(name + "_mean", seeded({channels}, seed + 2, 0.3));
  m.register_buffer(name + "_var", seeded({channels}, seed + 3).abs() + 0.5);
}

std::string norm_call(const std::string& name) {
  const std::string self = "self." + name;
  return "torch.batch_norm(y, " + self + "_scale, " + self + "_shift, " + self + "_mean, " + self +
         "_var, False, 0.1, 1e-5, True)";
}

// One convolution with batch norm and rectifier, another one, class scores.
torch::jit::Module norm_model(const std::string& convolution, const at::Tensor& weight, int64_t channels) {
  torch::jit::Module m("__torch__.Convolved");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_parameter("w", weight.clone(), false);
  add_norm(m, "norm", channels, 40);
  m.register_module("act", test::activation("torch.relu(x)"));
  m.register_parameter("last", seeded({6, channels, 3, 3}, 44, 0.3), false);
  m.register_module("end", test::activation("torch.relu_(x)"));
  m.register_parameter("fc", seeded({6, 4}, 45), false);
  m.define("def forward(self, x):\n    y = " + convolution + "\n    y = self.act.forward(" + norm_call("norm") +
           ")\n    y = torch.conv2d(y, self.last, None, [1, 1], [1, 1])\n"
           "    return torch.matmul(torch.mean(self.end.forward(y), [2, 3]), self.fc)\n");
  return m;
}

// Blocks of convolution, batch norm and residual connection, ruled by rectifiers act0, act1...
torch::jit::Module deep_model(int blocks) {
  torch::jit::Module m("__torch__.Deep");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_parameter("stem", seeded({16, 3, 3, 3}, 50, 0.3), false);
  std::string code = "def forward(self, x):\n    x = torch.conv2d(x, self.stem, None, [2, 2], [1, 1])\n";
  for (int i = 0; i < blocks; ++i) {
    const std::string n = std::to_string(i);
    m.register_parameter("w" + n, seeded({16, 16, 3, 3}, 60 + static_cast<uint64_t>(i), 0.1), false);
    add_norm(m, "norm" + n, 16, 100 + 4 * static_cast<uint64_t>(i));
    m.register_module("act" + n, test::activation("torch.relu(x)"));
    code += "    y = torch.conv2d(x, self.w" + n + ", None, [1, 1], [1, 1])\n    y = " + norm_call("norm" + n) +
            "\n    x = self.act" + n + ".forward(y + x)\n";
  }
  m.register_parameter("fc", seeded({16, 4}, 51), false);
  m.define(code + "    return torch.matmul(torch.mean(x, [2, 3]), self.fc)\n");
  return m;
}

torch::jit::Module in_type(const torch::jit::Module& m, at::ScalarType type) {
  auto copy = m.deepcopy();
  copy.to(type);
  return copy;
}

at::Tensor gradient(TorchScriptModel& model, const at::Tensor& x, Rectifier rule, bool graph) {
  Needs needs;
  needs.input_gradient = true;
  const auto pass = model.forward(x, needs, graph);
  const at::AutoGradMode mode(true);
  return pass->gradients(pass->score({at::zeros({x.size(0)}, at::kLong)}), {pass->input()}, rule)[0].detach();
}

at::Tensor own_gradient(const torch::jit::Module& module, const at::Tensor& input) {
  auto copy = module;
  const at::Tensor x = input.detach().requires_grad_();
  return torch::autograd::grad({copy.forward({x}).toTensor().select(1, 0).sum()}, {x})[0];
}

// The median over samples of the mean error: rounding turns a rectifier near zero in a sample now and then, in any
// implementation.
double usual_error(const at::Tensor& found, const at::Tensor& exact) {
  const at::Tensor error = (found.to(at::kDouble) - exact).abs().flatten(1).mean(1);
  return (error / exact.abs().flatten(1).amax(1)).median().item<double>();
}

void expect_near(const at::Tensor& found, const at::Tensor& exact, const std::string& what) {
  EXPECT_EQ(found.scalar_type(), at::kFloat) << what;
  EXPECT_TRUE(found.is_contiguous()) << what;
  ASSERT_EQ(found.sizes(), exact.sizes()) << what;
  EXPECT_LE((found.to(at::kDouble) - exact).abs().max().item<double>(), 1e-4 * exact.abs().max().item<double>())
      << what;
}

// Scores, activations and all gradients of passes of every kind.
void expect_same_as_in_double(const torch::jit::Module& m, const at::Tensor& input,
                              const std::vector<std::string>& layers, const std::string& what) {
  TorchScriptModel model(in_type(m, at::kFloat)), exact(in_type(m, at::kDouble));
  const at::Tensor x = input.to(at::kFloat), y = x.to(at::kDouble);
  expect_near(model.forward(x, {}, false)->output(), exact.module_output(y, false), what);
  for (const bool graph : {false, true}) {
    Needs needs;
    for (const auto& layer : layers) needs.captures.push_back({layer});
    needs.gradients = true;
    for (const bool of_input : {false, true}) {
      needs.input_gradient = of_input;
      const auto pass = model.forward(x, needs, graph), other = exact.forward(y, needs, graph);
      const at::AutoGradMode mode(true);
      for (const Rectifier rule : {Rectifier::standard, Rectifier::guided}) {
        std::vector<at::Tensor> of, of_other;
        for (const auto& layer : layers)
          of.push_back(pass->activation(layer)), of_other.push_back(other->activation(layer));
        if (of_input) of.push_back(pass->input()), of_other.push_back(other->input());
        const auto found = pass->gradients(pass->output().square().sum(), of, rule);
        const auto expected = other->gradients(other->output().square().sum(), of_other, rule);
        for (size_t i = 0; i < of.size(); ++i) {
          expect_near(of[i], of_other[i], what);
          expect_near(found[i], expected[i], what + ", gradient " + std::to_string(i));
        }
      }
      for (const auto& layer : layers) {
        expect_near(pass->resume({layer}, pass->activation(layer).detach() * 1.5f),
                    other->resume({layer}, other->activation(layer).detach() * 1.5), what + ", resumed");
      }
    }
  }
}

TEST(Convolutions, OfEveryKindAreThoseOfDouble) {
  struct Case {
    std::string code;
    std::vector<int64_t> weight, input;
  };
  for (const Case& c : std::vector<Case>{
           {"torch.conv2d(x, self.w, None, [1, 1], [1, 1])", {8, 3, 3, 3}, {2, 3, 12, 10}},
           {"torch.conv2d(x, self.w, None, [2, 2], [3, 3])", {8, 3, 7, 7}, {2, 3, 16, 16}},
           {"torch.conv2d(x, self.w, None, [1, 2], [2, 0], [2, 1])", {8, 3, 3, 1}, {2, 3, 12, 10}},
           {"torch.conv2d(x, self.w)", {8, 3, 1, 1}, {2, 3, 9, 9}},
           {"torch.conv2d(x, self.w, None, [1, 1], [1, 1])", {8, 3, 1, 1}, {2, 3, 9, 9}},
           {"torch.conv2d(x, self.w)", {8, 1, 1, 1}, {2, 1, 9, 9}},
           {"torch.conv2d(x, self.w, None, [2, 2])", {8, 3, 1, 1}, {2, 3, 10, 9}},
           {"torch.conv2d(x, self.w, None, [2, 2], [1, 1])", {8, 3, 3, 3}, {2, 3, 15, 12}},
           {"torch.conv2d(x, self.w, None, [4, 4], [2, 2])", {8, 3, 11, 11}, {2, 3, 38, 33}},
           {"torch.conv2d(x, self.w, None, [4, 4])", {8, 3, 4, 4}, {2, 3, 19, 16}},
           {"torch.conv2d(x, self.w, None, [3, 3], [4, 1])", {8, 1, 5, 2}, {2, 1, 17, 22}},
           {"torch.conv2d(x, self.w, None, [2, 2], [1, 1])", {8, 20, 3, 3}, {2, 20, 12, 13}},
           {"torch.conv2d(x, self.w, None, [1, 1], [1, 1], [1, 1], 8)", {8, 1, 3, 3}, {2, 8, 9, 9}},
           {"torch.conv2d(x, self.w, None, [2, 2], [1, 1], [1, 1], 8)", {8, 1, 3, 3}, {2, 8, 9, 9}},
           {"torch.conv2d(x, self.w, None, [1, 1], [0, 0], [1, 1], 2)", {8, 3, 3, 3}, {2, 6, 9, 9}},
           {"torch.conv2d(x, self.w, None, [1, 1], \"same\")", {8, 3, 3, 3}, {2, 3, 9, 9}},
           {"torch.conv2d(x, self.w, x.new_ones([8]))", {8, 3, 3, 3}, {2, 3, 9, 9}},
           {"torch._convolution(x, self.w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True)",
            {8, 3, 3, 3},
            {2, 3, 9, 9}},
           {"torch._convolution(x, self.w, None, [2, 2], [1, 1], [1, 1], True, [1, 1], 1, False, False, True, True)",
            {3, 8, 3, 3},
            {2, 3, 9, 9}},
           {"torch.cat([torch.unsqueeze(torch.conv2d(x[0], self.w), 0), torch.unsqueeze(torch.conv2d(x[1], self.w), "
            "0)])",
            {8, 3, 3, 3},
            {2, 3, 9, 9}},
           {"torch.reshape(torch.conv1d(torch.flatten(x, 2), self.w), [2, 8, 9, 9])", {8, 3, 1}, {2, 3, 9, 9}},
       }) {
    const auto m = norm_model(c.code, seeded(c.weight, 46, 0.4), 8);
    expect_same_as_in_double(m, seeded(c.input, 47), {"act", "end"}, c.code);
  }
}

TEST(Convolutions, ResidualConnectionsAreThoseOfDouble) {
  expect_same_as_in_double(deep_model(3), seeded({2, 3, 16, 16}, 48), {"act0", "act2"}, "deep");
  expect_same_as_in_double(deep_model(3), seeded({1, 3, 16, 16}, 49), {"act1"}, "deep, one sample");
}

// A rectifier would hide it as zero.
TEST(Convolutions, WhatIsNotANumberStaysInItsSample) {
  TorchScriptModel model(in_type(deep_model(3), at::kFloat)), exact(in_type(deep_model(3), at::kDouble));
  at::Tensor x = seeded({2, 3, 16, 16}, 53).to(at::kFloat);
  x[0][1].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor scores = model.forward(x, {}, false)->output();
  EXPECT_TRUE(scores[0].isnan().all().item<bool>());
  expect_near(scores[1], exact.forward(x.to(at::kDouble), {}, false)->output()[1], "the other sample");
}

// Weights are packed for the first size, and again for one that comes twice.
TEST(Convolutions, SizesMayFollowInAnyOrder) {
  const auto m = deep_model(3);
  TorchScriptModel model(in_type(m, at::kFloat)), exact(in_type(m, at::kDouble));
  const std::vector<std::vector<int64_t>> sizes{{2, 3, 16, 16}, {1, 3, 16, 16}, {4, 3, 24, 12}, {4, 3, 24, 12},
                                                {4, 3, 24, 12}, {2, 3, 16, 16}, {1, 3, 40, 40}, {1, 3, 40, 40}};
  for (const auto& size : sizes) {
    const at::Tensor x = seeded(size, 52).to(at::kFloat), y = x.to(at::kDouble);
    expect_near(model.forward(x, {}, false)->output(), exact.forward(y, {}, false)->output(), "scores");
    expect_near(gradient(model, x, Rectifier::guided, false), gradient(exact, y, Rectifier::guided, false), "guided");
  }
}

TEST(Convolutions, ThreadsMayRunDifferentSizes) {
  TorchScriptModel model(in_type(deep_model(3), at::kFloat));
  std::atomic<int> wrong{0};
  const auto work = [&](const at::Tensor& x, const at::Tensor& expected) {
    for (int i = 0; i < 30; ++i) {
      if (!at::allclose(gradient(model, x, Rectifier::guided, false), expected, 1e-4, 1e-5)) ++wrong;
    }
  };
  const at::Tensor a = seeded({2, 3, 16, 16}, 53).to(at::kFloat), b = seeded({1, 3, 24, 20}, 54).to(at::kFloat);
  const at::Tensor of_a = gradient(model, a, Rectifier::guided, true),
                   of_b = gradient(model, b, Rectifier::guided, true);
  std::thread other(work, a, of_a);
  work(b, of_b);
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Convolutions, NewWeightsArePackedAnew) {
  const auto m = in_type(deep_model(2), at::kFloat);
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 16, 16}, 55).to(at::kFloat);
  gradient(model, x, Rectifier::standard, false);
  {
    const at::NoGradGuard guard;
    m.attr("w0").toTensor().mul_(1.5);
    m.attr("norm1_var").toTensor().mul_(2);
  }
  const at::Tensor found = gradient(model, x, Rectifier::standard, false);
  EXPECT_TRUE(at::allclose(found, own_gradient(m, x), 1e-4, 1e-5));
}

// What a wrong input is told does not come from a packed convolution.
TEST(Convolutions, AWrongNumberOfChannelsIsRefusedAsEver) {
  TorchScriptModel model(in_type(deep_model(1), at::kFloat));
  try {
    model.forward(at::zeros({1, 4, 16, 16}), {}, false);
    FAIL() << "four channels were taken for three";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("to have 3 channels, but got 4 channels"), std::string::npos)
        << error.what();
  }
}

TEST(Convolutions, AnInputSmallerThanTheKernelIsRefusedAsEver) {
  const auto m = norm_model("torch.conv2d(x, self.w)", seeded({4, 3, 7, 7}, 54, 0.3), 4);
  TorchScriptModel model(in_type(m, at::kFloat));
  for (const int64_t side : {4, 16, 4}) {  // before and after weights are packed
    if (side == 16) {
      EXPECT_NO_THROW(model.forward(at::zeros({1, 3, side, side}), {}, false));
      continue;
    }
    try {
      model.forward(at::zeros({1, 3, side, side}), {}, false);
      FAIL() << "4 x 4 was taken for 7 x 7";
    } catch (const std::exception& error) {
      EXPECT_NE(std::string(error.what()).find("Kernel size: (7 x 7)"), std::string::npos) << error.what();
    }
  }
}

TEST(Convolutions, ErrorsAreAtMostTwiceThoseOfAutograd) {
  const auto m = deep_model(16), exact = in_type(m, at::kDouble), rounded = in_type(m, at::kFloat);
  TorchScriptModel model(rounded), exact_model(exact);
  const at::Tensor x = seeded({32, 3, 32, 32}, 56).to(at::kFloat), y = x.to(at::kDouble);
  const at::Tensor truth = own_gradient(exact, y);
  const double own = usual_error(own_gradient(rounded, x), truth);
  const at::Tensor guided = gradient(exact_model, y, Rectifier::guided, false);
  for (const bool graph : {false, true}) {
    EXPECT_LE(usual_error(gradient(model, x, Rectifier::standard, graph), truth), 2 * own) << graph;
    EXPECT_LE(usual_error(gradient(model, x, Rectifier::guided, graph), guided), 2 * own) << graph;
  }
}

TEST(Convolutions, PiecesShareTheWeightsTheyMake) {
  const auto m = in_type(deep_model(4), at::kFloat);
  LayeredGraph live = torchscript_source(m).graph;
  simplify(live, m);
  gate_activations(live);
  const LayeredGraph frozen = freeze(live, m);
  MadeWeights made;
  for (const auto differentiable : {Differentiable::no, Differentiable::once}) {
    slice(frozen, {"", "", {}, differentiable}, made);
    const size_t whole = made.size();
    for (const std::string layer : {"act0", "act1", "act2"}) {
      slice(frozen, {"", layer, {}, differentiable}, made);
      slice(frozen, {layer, "", {"act3"}, differentiable}, made);
      slice(frozen, {"", "", {layer}, differentiable}, made);
    }
    EXPECT_EQ(made.size(), whole);
  }
}

// A weight of one pixel lies in memory as channels last too, so that what is packed is the user's own tensor.
TEST(Convolutions, PackingLeavesNoTraceOnTheWeights) {
  torch::jit::Module m = norm_model("torch.conv2d(x, self.w)", seeded({6, 3, 1, 1}, 90), 6);
  m.setattr("last", seeded({6, 6, 1, 1}, 91, 0.3));
  m.to(at::kFloat);
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 92).to(at::kFloat);
  const at::Tensor last = m.attr("last").toTensor().requires_grad_();
  const auto version = last._version();
  const auto recorded = model.forward(x, {}, true);
  model.forward(x, {}, false);
  EXPECT_EQ(last._version(), version);
  EXPECT_NO_THROW(torch::autograd::grad({recorded->output().sum()}, {last}));
}

}  // namespace
}  // namespace attune
