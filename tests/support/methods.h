// What the tests of attention methods share: maps by id, and the properties that every method has.
#pragma once

#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <vector>

#include <attune/catalogue.h>
#include <attune/maps.h>

#include "models.h"

namespace attune::test {

using Given = std::map<std::string, ParameterValue>;

inline const Catalogue& own_plugins() {
  static const Catalogue loaded = Catalogue::load({{ATTUNE_BUILD_DIR "/lib/attune/plugins", "test"}});
  return loaded;
}

inline at::Tensor map_of(ImageModel& model, const at::Tensor& input, const std::string& id, const Given& given,
                         int64_t target, bool graph = false) {
  const std::vector<MapRequest> requests{{id, own_plugins().make_method(id, given)}};
  return compute_maps(model, input, requests, {TargetChoice::parse(std::to_string(target), {})}, graph)
      .maps[0][0]
      .values;
}

// conv - activation - mean - linear, of 1, 2 or 3 dimensions: 2 channels in, 3 inside, 4 classes; the layer is `act`.
inline torch::jit::Module model_of_rank(int64_t rank, const std::string& act) {
  std::vector<int64_t> kernel{3, 2}, axes;
  for (int64_t i = 0; i < rank; ++i) {
    kernel.push_back(3);
    axes.push_back(2 + i);
  }
  const auto list = [](const std::vector<int64_t>& values) {
    std::string text;
    for (const int64_t value : values) text += (text.empty() ? "[" : ", ") + std::to_string(value);
    return text + "]";
  };
  const std::string ones = list(std::vector<int64_t>(static_cast<size_t>(rank), 1));
  torch::jit::Module m("__torch__.OfRank");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv", module("Conv",
                                   "def forward(self, x):\n    return torch.conv" + std::to_string(rank) +
                                       "d(x, self.w0, None, " + ones + ", " + ones + ")\n",
                                   {seeded(kernel, 11, 0.5)}));
  m.register_module("act", activation(act));
  m.register_parameter("fc", seeded({4, 3}, 12).requires_grad_(), false);
  m.define(
      "def forward(self, x):\n    x = self.act.forward(self.conv.forward(x))\n    return torch.matmul(torch.mean(x, " +
      list(axes) + "), torch.t(self.fc))\n");
  return m;
}

inline at::Tensor input_of_rank(int64_t rank, int64_t samples, uint64_t seed) {
  std::vector<int64_t> shape{samples, 2};
  for (int64_t i = 0; i < rank; ++i) shape.push_back(4 + i);
  return seeded(shape, seed);
}

// A batch's maps are those of its samples one by one.
inline void expect_batch_equals_samples(const torch::jit::Module& module, const at::Tensor& x, const std::string& id,
                                        const Given& given) {
  TorchScriptModel model(module);
  const at::Tensor batch = map_of(model, x, id, given, 1);
  for (int64_t i = 0; i < x.size(0); ++i) {
    EXPECT_TRUE(at::allclose(batch.narrow(0, i, 1), map_of(model, x.narrow(0, i, 1), id, given, 1), 1e-9, 1e-12))
        << id << ", rank " << x.dim() - 2 << ", sample " << i;
  }
}

// In 1 to 3 dimensions.
inline void expect_batch_equals_samples(const std::string& id, const Given& given = {}) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    expect_batch_equals_samples(model_of_rank(rank, "torch.relu(x)"), input_of_rank(rank, 3, 13), id, given);
  }
}

// The derivative of sum(map * direction) with respect to one entry of `tensor`, by central differences.
inline double central_difference(const std::function<double()>& value, at::Tensor tensor, int64_t entry) {
  constexpr double step = 1e-5;
  const at::NoGradGuard guard;
  at::Tensor flat = tensor.view({-1});
  const double before = flat[entry].item<double>();
  flat[entry] = before + step;
  const double above = value();
  flat[entry] = before - step;
  const double below = value();
  flat[entry] = before;
  return (above - below) / (2 * step);
}

// With a graph, a map's gradients with respect to the input and every parameter but `unused` of them are its finite
// differences, in float64 and on a smooth model.
inline void expect_gradients_are_finite_differences(const torch::jit::Module& module, at::Tensor x,
                                                    const std::string& id, const Given& given, size_t unused = 0) {
  TorchScriptModel model(module);
  x.requires_grad_();
  const std::string place = id + ", rank " + std::to_string(x.dim() - 2);
  const at::Tensor direction = seeded(map_of(model, x, id, given, 2).sizes(), 15);
  const auto value = [&] { return (map_of(model, x, id, given, 2) * direction).sum().item<double>(); };
  std::vector<at::Tensor> of{x};
  for (const auto& parameter : module.parameters()) of.push_back(parameter);
  const at::Tensor loss = (map_of(model, x, id, given, 2, true) * direction).sum();
  const auto gradients = torch::autograd::grad({loss}, of, {}, c10::nullopt, false, /*allow_unused=*/unused > 0);
  size_t without = 0;
  for (size_t i = 0; i < of.size(); ++i) {
    without += gradients[i].defined() ? 0 : 1;
    const at::Tensor gradient = gradients[i].defined() ? gradients[i] : at::zeros_like(of[i]);
    for (int64_t entry = 0; entry < of[i].numel(); entry += 1 + of[i].numel() / 7) {
      const double expected = central_difference(value, of[i].detach(), entry);
      EXPECT_NEAR(gradient.reshape({-1})[entry].item<double>(), expected, 1e-6 * std::max(1.0, std::abs(expected)))
          << place << ", tensor " << i << ", entry " << entry;
    }
    EXPECT_EQ(gradient.abs().max().item<double>() > 1e-6, gradients[i].defined()) << place << ", tensor " << i;
  }
  EXPECT_EQ(without, unused) << place;
}

// In 1 to 3 dimensions.
inline void expect_gradients_are_finite_differences(const std::string& id, const Given& given, const std::string& act) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    expect_gradients_are_finite_differences(model_of_rank(rank, act), input_of_rank(rank, 2, 14), id, given);
  }
}

}  // namespace attune::test
