// The gradient of whole losses, in float64 against finite differences.
#include <gtest/gtest.h>
#include <torch/version.h>

#include "support.h"

namespace attune::test {
namespace {

struct Case {
  std::string name;
  std::string terms;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"guided backpropagation as mask", term(both, mask)},
      {"variance", term(both, "{\"use\": \"mask\", \"source\": \"gb\", \"centre\": \"mean_plus_half_std\"}")},
      {"Grad-CAM as mask", term(both, "{\"use\": \"mask\", \"source\": \"cam\", \"scale\": \"std\"}")},
      {"upsampling",
       term(both, "{\"use\": \"upsample\", \"smooth\": 0.6}", ", \"normalise\": \"standardise_sigmoid\"")},
      {"pooling", term(both, "{\"use\": \"pool\", \"kind\": \"average\"}", ", \"normalise\": \"standardise\"")},
      {"minmax", term("[\"sal\", \"gb\", \"cam\"]", "\"upsample\"", ", \"normalise\": \"minmax\"")},
      {"two terms", term(both, mask) + ", " + term("[\"sal\", \"gb\"]", "\"identity\"", ", \"weight\": 0.3")}};
  return all;
}

void expect_right_gradient(const torch::jit::Module& module, const ConsistencyLoss& loss, const at::Tensor& x,
                           const std::string& what) {
  std::vector<at::Tensor> of = parameters_of(module);
  of.push_back(x.detach().requires_grad_());
  const auto gradients = gradients_of(loss(of.back()).loss, of);
  expect_gradients(
      gradients, of, [&] { return value_of(loss, of.back()); }, what);
}

TEST(LossGradient, IsFiniteDifferencesInTwoAndThreeDimensions) {
  for (const int64_t rank : {1, 2, 3}) {
    const auto module = normed_model(rank);
    const auto model = std::make_shared<TorchScriptModel>(module);
    for (const Case& c : cases()) {
      expect_right_gradient(module, loss_of(model, spec_text(c.terms)), input_of(rank, 2),
                            c.name + ", rank " + std::to_string(rank));
    }
  }
}

// All correlations of the project, one after the other.
TEST(LossGradient, OfEveryCorrelation) {
  const auto module = normed_model(2);
  const auto model = std::make_shared<TorchScriptModel>(module);
  for (const std::string compare :
       {"\"pearson\"", "\"ssim\"", "{\"use\": \"ssim\", \"padding\": \"zero\"}", "\"cross_correlation\"",
        "{\"use\": \"cross_correlation\", \"lag\": 1}", "{\"use\": \"cross_correlation\", \"raw\": true}",
        "{\"use\": \"coverage\", \"sharpness\": 3}"}) {
    const std::string terms =
        "{\"maps\": [\"cam\", \"sal\"], \"match\": {\"use\": \"mask\", \"source\": \"sal\", "
        "\"scale\": \"std\"}, \"compare\": " +
        compare + "}";
    expect_right_gradient(module, loss_of(model, spec_text(terms)), input_of(2, 2), compare);
  }
}

TEST(LossGradient, IsTheSameFiveTimes) {
  const auto module = normed_model(2);
  const ConsistencyLoss loss = loss_of(std::make_shared<TorchScriptModel>(module), spec_text(cases()[0].terms));
  const at::Tensor x = input_of(2, 2);
  const auto first = gradients_of(loss(x).loss, parameters_of(module));
  for (int call = 0; call < 4; ++call) {
    const auto again = gradients_of(loss(x).loss, parameters_of(module));
    for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(again[i], first[i])) << call << ' ' << i;
  }
}

TEST(LossGradient, LeavesTheModelAsItWas) {
  const auto module = normed_model(2);
  std::vector<at::Tensor> before;
  for (const at::Tensor& parameter : parameters_of(module)) before.push_back(parameter.detach().clone());
  for (const auto& buffer : module.buffers()) before.push_back(buffer.clone());
  const ConsistencyLoss loss = loss_of(std::make_shared<TorchScriptModel>(module), spec_text(cases()[0].terms));
  gradients_of(loss(input_of(2, 2)).loss, parameters_of(module));
  size_t i = 0;
  for (const at::Tensor& parameter : parameters_of(module)) {
    EXPECT_FALSE(parameter.grad().defined());
    EXPECT_TRUE(at::equal(parameter, before[i++]));
  }
  for (const auto& buffer : module.buffers()) EXPECT_TRUE(at::equal(buffer, before[i++]));
}

// Patches as tokens, attention (fused where LibTorch has it), GELU, mean over tokens.
torch::jit::Module small_transformer() {
  torch::jit::Module m("__torch__.Transformer");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("embed", module("Embed",
                                    "def forward(self, x):\n    return torch.transpose(torch.flatten(torch.conv2d(x, "
                                    "self.w0, None, [2, 2]), 2), 1, 2)\n",
                                    {seeded({8, 3, 2, 2}, 1, 0.5)}));
#if TORCH_VERSION_MAJOR < 2
  const std::string attend =
      "torch.matmul(torch.softmax(torch.matmul(q, torch.transpose(k, 1, 2)) / 2.8284271247461903, -1), v)";
#else
  const std::string attend = "torch.scaled_dot_product_attention(q, k, v)";
#endif
  m.register_module("attention", module("Attention",
                                        "def forward(self, x):\n    q, k, v = torch.chunk(torch.matmul(x, self.w0), 3, "
                                        "-1)\n    return x + " +
                                            attend + "\n",
                                        {seeded({8, 24}, 2, 0.4)}));
  m.register_module("act", activation("torch.gelu(x)"));
  m.register_parameter("fc", seeded({4, 8}, 3).requires_grad_(), false);
  m.define(
      "def forward(self, x):\n"
      "    x = self.act.forward(self.attention.forward(self.embed.forward(x)))\n"
      "    return torch.matmul(torch.mean(x, [1]) ** 2, torch.t(self.fc))\n");
  return m;
}

TEST(LossGradient, OfASmallTransformer) {
  const auto module = small_transformer();
  ModelOptions options;
  options.layout = "tokens";
  const auto model = std::make_shared<TorchScriptModel>(module, options);
  std::string text =
      spec_text(term("[\"cam\", \"sal\"]", "{\"use\": \"mask\", \"source\": \"sal\", \"scale\": \"std\"}"));
  text.replace(text.find("act1"), 4, "embed");
  expect_right_gradient(module, loss_of(model, text), seeded({2, 3, 8, 8}, 7), "transformer");
}

}  // namespace
}  // namespace attune::test
