// What graphs that are differentiated twice compute in a way of their own (convolutions, batch norm, rectifiers in
// place), and frozen ones channels last: the values and derivatives are LibTorch's.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include "memory.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

struct Case {
  std::string code;  // of the layer, from x
  std::vector<at::Tensor> weights;
  std::vector<int64_t> input;
};

// layer - activation - square of the mean over positions.
torch::jit::Module model_of(const Case& c, const std::string& activation) {
  torch::jit::Module m("__torch__.OfLayer");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("layer", test::module("Layer", "def forward(self, x):\n    return " + c.code + "\n", c.weights));
  m.register_buffer("fc", seeded({4, 4}, 9));
  m.define(
      "def forward(self, x):\n"
      "    x = " +
      activation +
      "(self.layer.forward(x))\n"
      "    return torch.matmul(torch.mean(torch.flatten(x, 2), 2) ** 2, self.fc)\n");
  return m;
}

std::vector<Case> cases() {
  const auto w = [](const std::vector<int64_t>& shape) { return seeded(shape, 3, 0.4); };
  const at::Tensor bias = seeded({4}, 4), four = seeded({4}, 5);
  const std::string statistics =
      "torch.tensor([0.1, -0.2, 0.3, 0.0], dtype=7), torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=7)";
  return {
      {"torch.conv1d(x, self.w0, self.w1, 2, 1)", {w({4, 3, 3}), bias}, {2, 3, 9}},
      {"torch.conv2d(x, self.w0, None, [2, 1], [1, 0])", {w({4, 3, 3, 3})}, {2, 3, 7, 6}},
      {"torch.conv2d(x, self.w0, self.w1, [1, 1], [2, 2], [2, 2])", {w({4, 3, 3, 3}), bias}, {2, 3, 7, 6}},
      {"torch.conv2d(x, self.w0, None, [2, 2], [0, 0], [1, 1], 2)", {w({4, 2, 1, 1})}, {2, 4, 6, 6}},
      {"torch.conv2d(x, self.w0, None, [1, 1], \"same\")", {w({4, 3, 3, 3})}, {2, 3, 5, 5}},
      {"torch.conv3d(x, self.w0, self.w1, [1, 2, 1], [1, 1, 1])", {w({4, 3, 3, 3, 3}), bias}, {2, 3, 3, 5, 4}},
      {"torch._convolution(x, self.w0, self.w1, [2, 2], [1, 1], [1, 1], True, [1, 1], 1, False, False, True, True)",
       {w({3, 4, 3, 3}), bias},
       {2, 3, 4, 4}},
      {"torch.stack([torch.conv2d(y, self.w0, None) for y in [x[0], x[1]]])", {w({4, 3, 3, 3})}, {2, 3, 5, 5}},
      {"torch.stack([torch.relu(torch.conv2d(y, self.w0, None)) for y in [x[0], x[1]]])",
       {w({4, 3, 3, 3})},
       {2, 3, 5, 5}},
      {"torch.conv2d(x, self.w0, self.w1) + x[:, :, 1:-1, 1:-1]", {w({4, 4, 3, 3}), bias}, {2, 4, 6, 6}},
      {"torch.transpose(torch.linear(torch.transpose(x, 1, 2), self.w0, self.w1), 1, 2)", {w({4, 4}), bias}, {2, 4, 5}},
      {"torch.batch_norm(x, self.w0, self.w1, " + statistics + ", self.training, 0.1, 1e-5, False)",
       {four.abs() + 0.5, bias},
       {2, 4, 3, 3}},
      {"torch.batch_norm(x, None, None, " + statistics + ", self.training, 0.1, 1e-5, False)", {}, {2, 4, 3, 3}},
      {"torch.batch_norm(torch.batch_norm(x, None, self.w0, " + statistics +
           ", False, 0.1, 1e-5, False) ** 2, self.w1, None, " + statistics + ", False, 0.1, 1e-3, False)",
       {bias, four},
       {2, 4, 5}},
  };
}

// d y / d x, and the derivatives of the sum of its square with respect to x and all parameters.
std::vector<at::Tensor> derivatives(const at::Tensor& y, const at::Tensor& x, const std::vector<at::Tensor>& of) {
  const at::Tensor score = y.select(1, 1).sum() + y.square().sum();
  const at::Tensor first = torch::autograd::grad({score}, {x}, {}, true, true)[0];
  std::vector<at::Tensor> result{first};
  for (const auto& second : torch::autograd::grad({first.square().sum() + y.sum()}, of, {}, false, false, true)) {
    result.push_back(second.defined() ? second : at::zeros({1}, at::kDouble));
  }
  return result;
}

void expect_libtorchs(const torch::jit::Module& module, const at::Tensor& x, const Needs& needs,
                      const std::string& what) {
  TorchScriptModel model(module);
  std::vector<at::Tensor> of{x};
  for (const auto& parameter : module.parameters()) of.push_back(parameter);
  const auto pass = model.forward(x, needs, true);
  const at::Tensor expected = model.module_output(x, true);
  EXPECT_TRUE(at::equal(pass->output(), expected)) << what;
  const auto ours = derivatives(pass->output(), x, of), theirs = derivatives(expected, x, of);
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_TRUE(at::allclose(ours[i], theirs[i], 1e-8, 1e-10)) << what << ", derivative " << i;
  }
}

TEST(SecondDerivatives, AreLibTorchs) {
  for (const Case& c : cases()) {
    for (const std::string activation : {"torch.tanh", "torch.relu"}) {
      for (const bool captured : {false, true}) {
        Needs needs;
        if (captured) needs.captures = {{"layer"}};
        const at::Tensor x = seeded(c.input, 6).requires_grad_();
        expect_libtorchs(model_of(c, activation), x, needs, activation + " of " + c.code);
      }
    }
  }
}

// Only one of the parameters of batch norm, or neither, has a gradient.
TEST(SecondDerivatives, OfFrozenParametersToo) {
  for (const Case& c : cases()) {
    for (size_t frozen = 0; frozen < c.weights.size(); ++frozen) {
      torch::jit::Module module = model_of(c, "torch.relu");
      module.attr("layer")
          .toModule()
          .attr(std::string("w").append(std::to_string(frozen)))
          .toTensor()
          .requires_grad_(false);
      std::vector<at::Tensor> of;
      const at::Tensor x = seeded(c.input, 6).requires_grad_();
      for (const auto& parameter : module.parameters()) {
        if (parameter.requires_grad()) of.push_back(parameter);
      }
      of.push_back(x);
      TorchScriptModel model(module);
      const auto ours = derivatives(model.forward(x, {}, true)->output(), x, of),
                 theirs = derivatives(model.module_output(x, true), x, of);
      for (size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(at::allclose(ours[i], theirs[i], 1e-8, 1e-10)) << c.code;
    }
  }
}

// A rectifier that overwrites a view (the result of a linear layer on tokens is one) must not hold its graph alive.
TEST(SecondDerivatives, AGraphThatNobodyDifferentiatesIsFreed) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  const Case c{"torch.linear(x, self.w0, self.w1)", {seeded({64, 32}, 3), seeded({64}, 4)}, {2, 4, 32}};
  TorchScriptModel model(model_of(c, "torch.relu"));
  const at::Tensor x = seeded({2, 4, 32}, 6).expand({64, 2, 4, 32}).reshape({128, 4, 32});
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) {
      for (const bool graph : {false, true}) {
        Needs needs;
        needs.input_gradient = true;
        model.forward(x, needs, graph);
      }
    }
  };
  run(50);
  const int64_t before = test::allocated();
  run(100);
  EXPECT_LT(test::allocated() - before, 10 * 1000 * 1000) << "a graph has a quarter of a megabyte";
}

// A view of another shape would refuse strides that are not contiguous.
TEST(ChannelsLast, IsNotSeenFromOutside) {
  for (const std::string act : {"torch.relu(x)", "x.view([x.size(0), 5, -1]).view(x.size())"}) {
    torch::jit::Module module = test::small_model(act);
    module.to(at::kFloat);
    TorchScriptModel model(module);
    const at::Tensor x = seeded({2, 3, 16, 16}, 7).to(at::kFloat);
    Needs needs;
    needs.captures = {{"act1"}, {"conv2"}};
    needs.gradients = true;
    for (const bool input : {false, true}) {
      needs.input_gradient = input;
      const auto frozen = model.forward(x, needs, false), live = model.forward(x, needs, true);
      for (const std::string layer : {"act1", "conv2"}) {
        const at::Tensor activation = frozen->activation(layer);
        EXPECT_TRUE(activation.is_contiguous()) << act << layer;
        EXPECT_TRUE(at::allclose(activation, live->activation(layer), 1e-4, 1e-5)) << act << layer;
        const at::AutoGradMode mode(true);
        const at::Tensor gradient = frozen->gradients(frozen->output().sum(), {activation})[0];
        EXPECT_TRUE(gradient.is_contiguous()) << act << layer;
        const at::Tensor other = live->gradients(live->output().sum(), {live->activation(layer)})[0];
        EXPECT_TRUE(at::allclose(gradient, other, 1e-4, 1e-5)) << act << layer;
        EXPECT_TRUE(at::allclose(frozen->resume({layer}, activation), live->output(), 1e-4, 1e-5)) << act << layer;
      }
    }
  }
}

}  // namespace
}  // namespace attune
