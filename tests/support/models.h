// Small models, written as TorchScript in C++.
#pragma once

#include <string>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

namespace attune::test {

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
  return module("Conv2d", "def forward(self, x):\n    return torch.conv2d(x, self.w0, None, [" + std::to_string(stride) +
                              ", " + std::to_string(stride) + "], [1, 1])\n",
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
      "    " + sum +
      "    y = self.act2.forward(y)\n"
      "    return torch.matmul(torch.mean(y, [2, 3]), torch.t(self.fc))\n");
  return m;
}

}  // namespace attune::test
