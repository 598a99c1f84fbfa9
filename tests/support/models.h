// Small models, written as TorchScript in C++.
#pragma once

#include <ATen/ATen.h>
#include <string>
#include <torch/csrc/jit/api/module.h>

#include "formats/torchscript/torchscript.h"
#include "model/run/graph_model.h"

namespace attune {

// torchscript_model() as an object.
struct TorchScriptModel final : GraphModel {
  explicit TorchScriptModel(const torch::jit::Module& module, const ModelOptions& options = {})
      : GraphModel(explained_alone(torchscript_source(module), options.extra), options), module(module) {}

  torch::jit::Module module;
};

}  // namespace attune

namespace attune::test {

using Module = torch::jit::Module;

// A module of its own class with the given forward; `weights` become parameters w0, w1...
inline torch::jit::Module module(const std::string& name, const std::string& code,
                                 const std::vector<at::Tensor>& weights = {}) {
  torch::jit::Module m("__torch__." + name);
  for (size_t i = 0; i < weights.size(); ++i) {
    m.register_parameter(std::string("w").append(std::to_string(i)), weights[i].clone().requires_grad_(), false);
  }
  m.register_attribute("training", c10::BoolType::get(), false);
  m.define(code);
  return m;
}

inline at::Tensor seeded(at::IntArrayRef shape, uint64_t seed, double scale = 1.0) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble)) * scale;
}

inline torch::jit::Module conv(int64_t in, int64_t out, uint64_t seed, int64_t stride = 1) {
  return module("Conv2d",
                "def forward(self, x):\n    return torch.conv2d(x, self.w0, None, [" + std::to_string(stride) + ", " +
                    std::to_string(stride) + "], [1, 1])\n",
                {seeded({out, in, 3, 3}, seed, 0.4)});
}

inline torch::jit::Module activation(const std::string& call) {
  return module("Act", "def forward(self, x):\n    return " + call + "\n");
}

// conv1 - act1 - conv2 (+ skip) - act2 - mean - linear, 4 classes; names: conv1, act1, conv2, act2.
inline torch::jit::Module small_model(const std::string& act = "torch.relu(x)", bool skip = false) {
  torch::jit::Module m("__torch__.Small");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", conv(3, 5, 1, 2));
  m.register_module("act1", activation(act));
  m.register_module("conv2", conv(5, 5, 2));
  m.register_module("act2", activation(act));
  m.register_parameter("fc", seeded({4, 5}, 3).requires_grad_(), false);
  const std::string sum = skip ? "y = y + x\n" : "y = y\n";
  m.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.conv1.forward(x))\n"
      "    y = self.conv2.forward(x)\n"
      "    " +
      sum +
      "    y = self.act2.forward(y)\n"
      "    return torch.matmul(torch.mean(y, [2, 3]), torch.t(self.fc))\n");
  return m;
}

// conv1 - norm - act1 - conv2 - act2 - mean - fc, each with a bias; pictures of 3 channels to 4 classes.
inline torch::jit::Module biased_model(const std::string& act) {
  const auto convolution = [](int64_t in, int64_t out, const std::string& stride, uint64_t seed) {
    return module("Conv2d",
                  "def forward(self, x):\n    return torch.conv2d(x, self.w0, self.w1, " + stride + ", [1, 1])\n",
                  {seeded({out, in, 3, 3}, seed, 0.4), seeded({out}, seed + 1)});
  };
  torch::jit::Module norm("__torch__.BatchNorm2d");
  norm.register_attribute("training", c10::BoolType::get(), false);
  norm.register_parameter("w0", seeded({4}, 52).requires_grad_(), false);
  norm.register_parameter("w1", seeded({4}, 53).requires_grad_(), false);
  norm.register_buffer("mean", seeded({4}, 54));
  norm.register_buffer("var", seeded({4}, 55).abs() + 0.5);
  norm.define(
      "def forward(self, x):\n"
      "    return torch.batch_norm(x, self.w0, self.w1, self.mean, self.var, self.training, 0.1, 0.01, False)\n");
  torch::jit::Module m("__torch__.Biased");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", convolution(3, 4, "[2, 2]", 50));
  m.register_module("norm", norm);
  m.register_module("act1", activation(act));
  m.register_module("conv2", convolution(4, 5, "[1, 1]", 56));
  m.register_module("act2", activation(act));
  m.register_module("fc", module("Linear", "def forward(self, x):\n    return torch.linear(x, self.w0, self.w1)\n",
                                 {seeded({4, 5}, 58), seeded({4}, 59)}));
  m.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
      "    x = self.act2.forward(self.conv2.forward(x))\n"
      "    return self.fc.forward(torch.mean(x, [2, 3]))\n");
  return m;
}

// A residual block of attention in `heads` heads, [N,T,C] to [N,T,C].
inline torch::jit::Module attention_block(int64_t channels, int64_t heads, uint64_t seed) {
  return module("Attention",
                "def forward(self, x):\n"
                "    y = torch.matmul(x, self.w0).reshape([x.size(0), x.size(1), 3, " +
                    std::to_string(heads) +
                    ", -1])\n"
                    "    q, k, v = y.permute([2, 0, 3, 1, 4]).unbind(0)\n"
                    "    shares = torch.softmax(torch.matmul(q, k.transpose(-2, -1)), -1)\n"
                    "    return x + torch.matmul(shares, v).transpose(1, 2).reshape(x.size())\n",
                {seeded({channels, 3 * channels}, seed, 0.7)});
}

// A vision transformer of two blocks on signals, pictures or clips of 3 channels: patches of stride 2, with a class
// token that is read or without one and their mean; 4 classes. Layers: patches, tokens, block1, block2, fc.
inline torch::jit::Module vision_transformer(int64_t rank = 2, bool class_token = true) {
  std::vector<int64_t> kernel(static_cast<size_t>(rank) + 2, 2);
  kernel[0] = 6;
  kernel[1] = 3;
  const std::string twos = rank == 1 ? "[2]" : rank == 2 ? "[2, 2]" : "[2, 2, 2]";
  torch::jit::Module m("__torch__.Transformer");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("patches", module("Patches",
                                      "def forward(self, x):\n    return torch.conv" + std::to_string(rank) +
                                          "d(x, self.w0, None, " + twos + ")\n",
                                      {seeded(kernel, 61, 0.4)}));
  const std::string tokens = "x.flatten(2).transpose(1, 2)";
  m.register_module("tokens",
                    module("Tokens",
                           "def forward(self, x):\n    return " +
                               (class_token ? "torch.cat([self.w0.expand([x.size(0), -1, -1]), " + tokens + "], 1)"
                                            : tokens + " + self.w0") +
                               "\n",
                           {seeded({1, 1, 6}, 62)}));
  m.register_module("block1", attention_block(6, 2, 63));
  m.register_module("block2", attention_block(6, 3, 64));
  m.register_module(
      "fc", module("Linear", "def forward(self, x):\n    return torch.matmul(x, self.w0)\n", {seeded({6, 4}, 65)}));
  m.define(
      "def forward(self, x):\n"
      "    x = self.block2.forward(self.block1.forward(self.tokens.forward(self.patches.forward(x))))\n"
      "    return self.fc.forward(" +
      std::string(class_token ? "x[:, 0]" : "torch.mean(x, [1])") + ")\n");
  return m;
}

}  // namespace attune::test
