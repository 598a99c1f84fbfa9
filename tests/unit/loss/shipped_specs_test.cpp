// Every spec that ships, and every plugin's example, run on a small model.
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "examples.h"
#include "support.h"

namespace attune::test {
namespace {

torch::jit::Module strided(int64_t rank, int64_t in, int64_t out, int64_t stride, uint64_t seed) {
  std::vector<int64_t> kernel{out, in};
  std::string strides;
  for (int64_t i = 0; i < rank; ++i) {
    kernel.push_back(3);
    strides += (strides.empty() ? "" : ", ") + std::to_string(stride);
  }
  const std::string padding = rank == 2 ? "[1, 1]" : "[1, 1, 1]";
  return module("Conv",
                "def forward(self, x):\n    return torch.relu(torch.conv" + std::to_string(rank) +
                    "d(x, self.w0, None, [" + strides + "], " + padding + "))\n",
                {seeded(kernel, seed, 0.5)});
}

// Layers of the names and the step (32) that the specs for ResNets expect.
torch::jit::Module blocks(int64_t rank) {
  torch::jit::Module m("__torch__.Blocks");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("layer3", strided(rank, 3, 8, rank == 2 ? 16 : 2, 1));
  m.register_module("layer4", strided(rank, 8, 8, 2, 2));
  m.register_parameter("fc", seeded({5, 8}, 3).requires_grad_(), false);
  m.define(
      "def forward(self, x):\n    x = self.layer4.forward(self.layer3.forward(x))\n"
      "    return torch.matmul(torch.mean(torch.flatten(x, 2), 2), torch.t(self.fc))\n");
  return m;
}

// The same with other weights.
torch::jit::Module moved(const torch::jit::Module& module) {
  const at::NoGradGuard no_grad;
  const torch::jit::Module other = module.clone();
  uint64_t seed = 40;
  for (const at::Tensor& parameter : parameters_of(other)) {
    at::Tensor(parameter).add_(seeded(parameter.sizes(), ++seed, 0.1));
  }
  return other;
}

// name -> text
std::map<std::string, std::string> shipped() {
  std::map<std::string, std::string> specs;
  for (const auto& [name, text] : specs_that_ship()) specs[name] = text;
  for (const auto& [id, text] : plugin_examples()) specs["example_" + id] = text;
  return specs;
}

class ShippedSpec : public testing::TestWithParam<std::pair<const std::string, std::string>> {};

TEST_P(ShippedSpec, RunsAndHasAGradient) {
  const auto& [name, text] = GetParam();
  const int64_t rank = name == "clip" ? 3 : 2;
  static const std::set<std::string> readers{"example_attention_gradcam", "example_generic_attention", "example_legrad",
                                             "example_rollout"};
  const bool of_attention = readers.count(name) != 0;
  const bool reads_all = of_attention || name == "sgt";  // blocks() loses nothing when half of the pixels are hidden
  const auto module = of_attention ? vision_transformer() : reads_all ? normed_model(2) : blocks(rank);
  const auto model = std::make_shared<TorchScriptModel>(module);
  const Spec spec = parse_spec(text, name, own_plugins());
  OtherModels others;
  for (const ModelSpec& other : spec.models) others[other.name] = std::make_shared<TorchScriptModel>(moved(module));
  const ConsistencyLoss loss(model, spec, own_plugins(), {}, others);
  const at::Tensor x = reads_all           ? seeded({2, 3, 8, 12}, 4)
                       : name == "seam_er" ? seeded({2, 3, 192, 256}, 4)  // whose map is small at a scale of 0.3
                       : rank == 2         ? seeded({2, 3, 96, 128}, 4)
                                           : seeded({2, 3, 8, 12, 16}, 4);
  at::Tensor box;
  if (loss.needs_annotation()) {
    box = at::zeros_like(x.narrow(1, 0, 1));
    box.slice(2, 20, 60).slice(3, 30, 90).fill_(1);
  }
  loss.seed(5);  // some methods draw
  const LossResult result = loss(x, nullptr, box);
  EXPECT_TRUE(at::isfinite(result.loss).item<bool>());
  loss.seed(5);
  {
    const at::NoGradGuard no_grad;
    EXPECT_NEAR(loss(x, nullptr, box).loss.item<double>(), result.loss.item<double>(), 1e-9);
  }
  double largest = 0;
  for (const auto& gradient : gradients_of(result.loss, parameters_of(module))) {
    if (!gradient.defined()) continue;
    EXPECT_TRUE(at::isfinite(gradient).all().item<bool>());
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  EXPECT_GT(largest, 1e-9);
  for (const TermReport& term : result.terms) EXPECT_FALSE(term.degenerate.all().item<bool>()) << term.name;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedSpec, testing::ValuesIn(shipped()),
                         [](const auto& spec) { return spec.param.first; });

}  // namespace
}  // namespace attune::test
