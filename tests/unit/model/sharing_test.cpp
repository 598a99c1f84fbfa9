// The user's module: never changed, always up to date, shared by threads, and nothing grows.

#include <gtest/gtest.h>
#include <thread>
#include <torch/script.h>

#include "memory.h"
#include "models.h"

namespace attune {
namespace {

using test::seeded;

torch::jit::Module batch_norm_model() {
  torch::jit::Module norm("__torch__.BatchNorm2d");
  norm.register_parameter("weight", at::ones({5}, at::kDouble).requires_grad_(), false);
  norm.register_parameter("bias", at::zeros({5}, at::kDouble).requires_grad_(), false);
  norm.register_buffer("running_mean", at::zeros({5}, at::kDouble));
  norm.register_buffer("running_var", at::ones({5}, at::kDouble));
  norm.register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
  norm.register_attribute("training", c10::BoolType::get(), false);
  norm.define(
      "def forward(self, x):\n"
      "    if self.training:\n"
      "        self.num_batches_tracked.add_(1)\n"
      "    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, "
      "1e-5, True)\n");
  torch::jit::Module m("__torch__.Normed");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv", test::conv(3, 5, 1));
  m.register_module("norm", norm);
  m.register_module("act", test::activation("torch.relu(x)"));
  m.define(
      "def forward(self, x):\n    return torch.mean(self.act.forward(self.norm.forward(self.conv.forward(x))), [2, "
      "3])\n");
  return m;
}

at::Tensor layer_gradient(TorchScriptModel& model, const at::Tensor& x) {
  Needs needs;
  needs.captures = {{"act"}};
  needs.gradients = true;
  const auto pass = model.forward(x, needs, false);
  const at::AutoGradMode mode(true);
  const auto activation = pass->activation("act");
  return activation * pass->gradients(pass->score({at::zeros({x.size(0)}, at::kLong)}), {activation})[0];
}

std::vector<at::Tensor> state_of(const torch::jit::Module& m) {
  std::vector<at::Tensor> state;
  for (const auto& tensor : m.parameters()) state.push_back(tensor.detach().clone());
  for (const auto& tensor : m.buffers()) state.push_back(tensor.detach().clone());
  return state;
}

TEST(Sharing, TheModuleIsNotChanged) {
  auto m = batch_norm_model();
  m.train();
  const auto before = state_of(m);
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 30);
  Needs needs;
  needs.captures = {{"act"}};
  needs.gradients = true;
  needs.input_gradient = true;
  for (const bool graph : {false, true}) {
    const at::AutoGradMode mode(true);
    const auto pass = model.forward(x, needs, graph);
    pass->gradients(pass->score({at::zeros({2}, at::kLong)}), {pass->input(), pass->activation("act")},
                    Rectifier::guided);
    pass->resume({"act"}, pass->activation("act"));
  }
  model.auto_layer(x);
  const auto after = state_of(m);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(at::equal(before[i], after[i]));
  for (const auto& parameter : m.parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
    EXPECT_EQ(parameter.requires_grad(), true);
  }
  EXPECT_TRUE(m.is_training());
}

TEST(Sharing, TrainingShowsInTheMaps) {
  auto m = batch_norm_model();
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 8, 8}, 31);
  const at::Tensor before = layer_gradient(model, x);
  EXPECT_TRUE(at::equal(before, layer_gradient(model, x)));
  m.train();
  m.forward({seeded({4, 3, 8, 8}, 32) * 3 + 1});  // running statistics move, versions of theirs may not
  m.eval();
  const at::Tensor after_statistics = layer_gradient(model, x);
  EXPECT_FALSE(at::allclose(before, after_statistics));
  EXPECT_TRUE(at::allclose(after_statistics, layer_gradient(*std::make_unique<TorchScriptModel>(m), x)));
  {
    const at::NoGradGuard guard;
    m.attr("conv").toModule().attr("w0").toTensor().mul_(1.5);
  }
  const at::Tensor after_weights = layer_gradient(model, x);
  EXPECT_FALSE(at::allclose(after_statistics, after_weights));
  EXPECT_TRUE(at::allclose(after_weights, layer_gradient(*std::make_unique<TorchScriptModel>(m), x)));
}

TEST(Sharing, TwoThreadsGetTheMapsOfOne) {
  TorchScriptModel model(batch_norm_model());
  const at::Tensor x = seeded({2, 3, 16, 16}, 33);
  Needs needs;
  needs.input_gradient = true;
  const auto gradient = [&](Rectifier rule) {
    const auto pass = model.forward(x, needs, false);
    const at::AutoGradMode mode(true);
    return pass->gradients(pass->score({at::zeros({2}, at::kLong)}), {pass->input()}, rule)[0];
  };
  const at::Tensor guided = gradient(Rectifier::guided);
  const at::Tensor plain = gradient(Rectifier::standard);
  std::atomic<int> wrong{0};
  const auto work = [&](Rectifier rule, const at::Tensor& expected) {
    for (int i = 0; i < 40; ++i) {
      if (i % 10 == 0) model.refresh();
      if (!at::equal(gradient(rule), expected)) ++wrong;
    }
  };
  std::thread other(work, Rectifier::guided, guided);
  work(Rectifier::standard, plain);
  other.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Sharing, AThousandMapsDoNotGrowTheProcess) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  TorchScriptModel model(batch_norm_model());
  const at::Tensor x = seeded({2, 3, 32, 32}, 34);
  for (int i = 0; i < 200; ++i) layer_gradient(model, x);
  const int64_t before = test::allocated();
  for (int i = 0; i < 800; ++i) layer_gradient(model, x);
  EXPECT_LT(test::allocated() - before, 800 * 1000);
}

}  // namespace
}  // namespace attune
