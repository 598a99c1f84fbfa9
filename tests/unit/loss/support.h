// Small smooth models with batch norm, specs as text, and what every test of losses asks of them.
#pragma once

#include <ATen/ATen.h>
#include <cmath>
#include <functional>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <vector>

#include <attune/consistency_loss.h>

#include "errors.h"
#include "methods.h"

namespace attune::test {

inline const std::string both = "[\"cam\", \"gb\"]";
inline const std::string mask = "{\"use\": \"mask\", \"source\": \"gb\", \"scale\": \"std\"}";

inline torch::jit::Module convolution(int64_t rank, int64_t in, int64_t out, uint64_t seed) {
  std::vector<int64_t> kernel{out, in};
  std::string ones;
  for (int64_t i = 0; i < rank; ++i) {
    kernel.push_back(3);
    ones += ones.empty() ? "1" : ", 1";
  }
  const std::string code = "def forward(self, x):\n    return torch.conv" + std::to_string(rank) +
                           "d(x, self.w0, None, [" + ones + "], [" + ones + "])\n";
  return module("Conv", code, {seeded(kernel, seed, 0.5)});
}

// Evaluation statistics that are no identity.
inline torch::jit::Module batch_norm(int64_t channels) {
  torch::jit::Module norm("__torch__.BatchNorm");
  norm.register_attribute("training", c10::BoolType::get(), false);
  norm.register_parameter("weight", (seeded({channels}, 21) * 0.3 + 1).requires_grad_(), false);
  norm.register_parameter("bias", (seeded({channels}, 22) * 0.3).requires_grad_(), false);
  norm.register_buffer("running_mean", seeded({channels}, 23) * 0.2);
  norm.register_buffer("running_var", seeded({channels}, 24).abs() + 0.5);
  norm.define(
      "def forward(self, x):\n    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, "
      "self.running_var, self.training, 0.1, 1e-5, False)\n");
  return norm;
}

// conv1 - norm - act1 - conv2 - act2 - mean - linear, 4 classes, of 3 channels in 1 to 3 dimensions.
inline torch::jit::Module normed_model(int64_t rank, const std::string& act = "torch.softplus(x)") {
  torch::jit::Module m("__torch__.Normed");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", convolution(rank, 3, 5, 1));
  m.register_module("norm", batch_norm(5));
  m.register_module("act1", activation(act));
  m.register_module("conv2", convolution(rank, 5, 6, 2));
  m.register_module("act2", activation(act));
  m.register_parameter("fc", seeded({4, 6}, 3).requires_grad_(), false);
  const std::string axes = rank == 1 ? "[2]" : rank == 2 ? "[2, 3]" : "[2, 3, 4]";
  m.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
      "    x = self.act2.forward(self.conv2.forward(x))\n"
      "    return torch.matmul(torch.mean(x, " +
      axes + ") ** 2, torch.t(self.fc))\n");
  return m;
}

inline at::Tensor input_of(int64_t rank, int64_t samples, uint64_t seed = 5) {
  std::vector<int64_t> shape{samples, 3};
  for (int64_t i = 0; i < rank; ++i) shape.push_back(6 - i);
  return seeded(shape, seed);
}

inline std::vector<at::Tensor> parameters_of(const torch::jit::Module& module) {
  std::vector<at::Tensor> parameters;
  for (const auto& parameter : module.parameters()) parameters.push_back(parameter);
  return parameters;
}

// Maps "cam" (at the first activation), "gb" and "sal", and the terms given.
inline std::string spec_text(const std::string& terms, const std::string& cam = "", const std::string& more = "") {
  return "{\"version\": 1, \"maps\": {\"cam\": {\"use\": \"gradcam\", \"layer\": \"act1\"" + cam +
         "}, \"gb\": {\"use\": \"guided_backprop\", \"channels\": \"sum\"}, \"sal\": {\"use\": \"saliency\", "
         "\"channels\": \"norm\"}}, \"terms\": [" +
         terms + "]" + more + "}";
}

inline std::string term(const std::string& maps, const std::string& match, const std::string& rest = "") {
  return "{\"maps\": " + maps + ", \"match\": " + match + ", \"compare\": \"pearson\"" + rest + "}";
}

inline Spec spec_of(const std::string& text) { return parse_spec(text, "spec.json", own_plugins()); }

inline ConsistencyLoss loss_of(const std::shared_ptr<Model>& model, const std::string& text) {
  return ConsistencyLoss(model, spec_of(text), own_plugins());
}

// Every few entries of `of` against central differences of `value`.
inline void expect_gradients(const std::vector<at::Tensor>& gradients, const std::vector<at::Tensor>& of,
                             const std::function<double()>& value, const std::string& what, double tolerance = 1e-6) {
  ASSERT_EQ(gradients.size(), of.size());
  double largest = 0;
  for (size_t i = 0; i < of.size(); ++i) {
    for (int64_t entry = 0; entry < of[i].numel(); entry += 1 + of[i].numel() / 5) {
      const double exact = gradients[i].defined() ? gradients[i].reshape({-1})[entry].item<double>() : 0;
      EXPECT_NEAR(exact, central_difference(value, of[i].detach(), entry), tolerance)
          << what << ", tensor " << i << ", entry " << entry;
      largest = std::max(largest, std::abs(exact));
    }
  }
  EXPECT_GT(largest, 1e-4) << what << " has hardly any gradient";
}

inline std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& of) {
  return torch::autograd::grad({loss}, of, {}, false, false, /*allow_unused=*/true);
}

inline double value_of(const ConsistencyLoss& loss, const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  return loss(x).loss.item<double>();
}

}  // namespace attune::test
