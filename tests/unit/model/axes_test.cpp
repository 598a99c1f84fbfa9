// Layers are read by what made them: which of their axes are the input's batch, its positions, channels.

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "models.h"

namespace attune {
namespace {

using test::seeded;
using Shape = std::vector<int64_t>;

// Modules by name, each with its forward and its weights, and the forward of the whole.
struct Part {
  std::string name;
  std::string result;  // of x and self.w0, self.w1...
  std::vector<Shape> weights;
};

torch::jit::Module assembled(const std::vector<Part>& parts, const std::string& forward) {
  torch::jit::Module m("__torch__.Assembled");
  m.register_attribute("training", c10::BoolType::get(), false);
  uint64_t seed = 60;
  for (const Part& part : parts) {
    std::vector<at::Tensor> weights;
    for (const Shape& shape : part.weights) weights.push_back(seeded(shape, ++seed, 0.4));
    const bool is_body = part.result.find("\n") != std::string::npos;
    const std::string body = is_body ? part.result : "    return " + part.result + "\n";
    m.register_module(part.name, test::module("Part_" + part.name, "def forward(self, x):\n" + body, weights));
  }
  m.define("def forward(self, x):\n" + forward);
  return m;
}

at::Tensor activation(TorchScriptModel& model, const at::Tensor& x, const std::string& layer) {
  Needs needs;
  needs.captures = {{layer}};
  return model.forward(x, needs, false)->activation(layer);
}

LayerReport report(TorchScriptModel& model, const at::Tensor& x, const std::string& layer) {
  for (LayerReport& one : model.inspect(x)) {
    if (one.name == layer) return one;
  }
  throw std::runtime_error("no layer " + layer);
}

void expect_refused(TorchScriptModel& model, const at::Tensor& x, const std::string& layer, const std::string& why) {
  try {
    activation(model, x, layer);
    FAIL() << layer;
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    const std::string text = error.what();
    EXPECT_NE(text.find("'" + layer + "'"), std::string::npos) << text;
    EXPECT_NE(text.find(why), std::string::npos) << text;
  }
  const LayerReport one = report(model, x, layer);
  EXPECT_EQ(one.spatial, 0) << layer;
  EXPECT_NE(one.no_map.find(why), std::string::npos) << one.no_map;
}

// w0..w3 are those of one layer with 6 units.
const char* const lstm =
    "    h = torch.zeros([1, x.size(0), 6], dtype=x.dtype)\n"
    "    y, a, b = torch.lstm(x, [h, h], [self.w0, self.w1, self.w2, self.w3], True, 1, 0.0, False, False, True)\n"
    "    return y\n";
const std::vector<Shape> lstm_of_5 = {{24, 5}, {24, 6}, {24}, {24}};

TEST(Axes, StepsOfARecurrentLayerAreASequence) {
  TorchScriptModel model(assembled({{"conv", "torch.conv2d(x, self.w0, None, [1, 1], [1, 1])", {{5, 1, 3, 3}}},
                                    {"act", "torch.relu(x)", {}},
                                    {"lstm", lstm, lstm_of_5},
                                    {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
                                   "    x = self.act.forward(self.conv.forward(x))\n"
                                   "    x = torch.mean(x, [2]).permute([0, 2, 1])\n"
                                   "    return self.fc.forward(torch.mean(self.lstm.forward(x), [1]))\n"));
  for (const int64_t steps : {8, 9, 16}) {  // each the count of some grid, with or without tokens before it
    const at::Tensor x = seeded({2, 1, steps, steps}, 50);
    EXPECT_EQ(TorchScriptModel(model.module).auto_layer(x), "act");
    EXPECT_EQ(activation(model, x, "lstm").sizes(), (Shape{2, 6, steps}));
    EXPECT_EQ(report(model, x, "lstm").spatial, 1);
  }
}

TEST(Axes, StepsOfAConv1dBehindAPictureAreASequence) {
  TorchScriptModel model(assembled({{"conv", "torch.conv2d(x, self.w0, None, [1, 1], [1, 1])", {{5, 1, 3, 3}}},
                                    {"act", "torch.relu(x)", {}},
                                    {"head", "torch.relu(torch.conv1d(x, self.w0, None, [2], [1]))", {{64, 5, 3}}},
                                    {"fc", "torch.linear(x, self.w0)", {{4, 64}}}},
                                   "    x = torch.mean(self.act.forward(self.conv.forward(x)), [2])\n"
                                   "    return self.fc.forward(torch.mean(self.head.forward(x), [2]))\n"));
  const at::Tensor x = seeded({2, 1, 12, 12}, 51);
  EXPECT_EQ(model.auto_layer(x), "act");
  EXPECT_EQ(activation(model, x, "head").sizes(), (Shape{2, 64, 6}));
}

TEST(Axes, ARecurrentLayerBehindASignalKeepsItsSteps) {
  TorchScriptModel model(assembled({{"lstm", lstm, lstm_of_5}, {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
                                   "    y = self.lstm.forward(x.permute([0, 2, 1]))\n"
                                   "    return self.fc.forward(torch.mean(y, [1]))\n"));
  const at::Tensor x = seeded({2, 5, 12}, 52);
  EXPECT_EQ(model.auto_layer(x), "lstm");
  EXPECT_EQ(activation(model, x, "lstm").sizes(), (Shape{2, 6, 12}));
}

// As torch.export decomposes it.
TEST(Axes, ARecurrentLayerThatIsWrittenOutKeepsItsSteps) {
  for (const bool dropped : {false, true}) {  // the axis of a step
    const std::string behind = dropped ? "[0]" : "", join = dropped ? "stack" : "cat";
    std::string all = "h0", body =
                                "    part = torch.split(torch.transpose(x, 0, 1), 1, 0)\n"
                                "    h0 = torch.tanh(part[0]" +
                                behind + ")\n";
    for (int step = 1; step < 12; ++step) {
      const std::string now = std::to_string(step), before = std::to_string(step - 1);
      body +=
          "    h" + now + " = torch.tanh(torch.linear(h" + before + ", self.w0) + part[" + now + "]" + behind + ")\n";
      all += ", h" + now;
    }
    body += "    return torch.transpose(torch." + join + "([" + all + "], 0), 0, 1)\n";
    TorchScriptModel model(assembled({{"steps", body, {{5, 5}}}, {"fc", "torch.linear(x, self.w0)", {{4, 5}}}},
                                     "    y = self.steps.forward(x.permute([0, 2, 1]))\n"
                                     "    return self.fc.forward(torch.mean(y, [1]))\n"));
    const at::Tensor x = seeded({2, 5, 12}, 52);
    EXPECT_EQ(activation(model, x, "steps").sizes(), (Shape{2, 5, 12})) << join;
    EXPECT_EQ(report(model, x, "steps").spatial, 1) << join;
    EXPECT_EQ(model.auto_layer(x), "steps") << join;
  }
}

// Attention within windows of 2 x 2, which are folded into the batch and taken out of it again, as in Swin.
torch::jit::Module windowed(const std::string& windows) {
  return assembled(
      {{"stem", "torch.conv2d(x, self.w0, None, [2, 2])", {{6, 3, 2, 2}}},
       {"attention", "torch.linear(x, self.w0)", {{6, 6}}},
       {"block", "x * 1.0", {}},
       {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
      "    x = self.stem.forward(x).permute([0, 2, 3, 1])\n"
      "    n, h, w, c = x.size(0), x.size(1), x.size(2), x.size(3)\n"
      "    t = x.view([n, h // 2, 2, w // 2, 2, c]).permute([0, 1, 3, 2, 4, 5])\n"
      "    t = self.attention.forward(t.reshape(" +
          windows +
          "))\n"
          "    t = t.view([n, h // 2, w // 2, 2, 2, c]).permute([0, 1, 3, 2, 4, 5]).reshape([n, h, w, c])\n"
          "    return self.fc.forward(torch.mean(self.block.forward(x + t), [1, 2]))\n");
}

TEST(Axes, WindowsAreNoMapsAndTheirMergerIsOne) {
  for (const auto& [windows, why] : {std::pair("[-1, 4, c]", "folded into its batch"),
                                     std::pair("[n, (h // 2) * (w // 2), 4, c]", "divided into windows")}) {
    TorchScriptModel model(windowed(windows));
    for (const int64_t rows : {1, 2}) {
      const at::Tensor x = seeded({rows, 3, 16, 16}, 53);
      EXPECT_EQ(model.auto_layer(x), "block");
      expect_refused(model, x, "attention", why);
      EXPECT_EQ(activation(model, x, "block").sizes(), (Shape{rows, 6, 8, 8}));
      EXPECT_EQ(report(model, x, "block").shape, (Shape{8, 8, 6}));
    }
  }
}

// A vision transformer on 16 x 32 pixels: a grid of 4 x 8 behind one class token.
torch::jit::Module transformer(const std::string& attention) {
  return assembled({{"patches", "torch.conv2d(x, self.w0, None, [4, 4])", {{6, 3, 4, 4}}},
                    {"class_token", "torch.cat([self.w0.expand([x.size(0), -1, -1]), x], 1)", {{1, 1, 6}}},
                    {"qkv", "torch.linear(x, self.w0)", {{18, 6}}},
                    {"weights", "torch.softmax(x, -1)", {}},
                    {"attention", "torch.linear(x, self.w0)", {{6, 6}}},
                    {"norm", "torch.layer_norm(x, [6], self.w0)", {{6}}},
                    {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
                   "    x = self.patches.forward(x).flatten(2).transpose(1, 2)\n"
                   "    x = self.class_token.forward(x)\n"
                   "    n, t = x.size(0), x.size(1)\n" +
                       attention + "    return self.fc.forward(torch.mean(self.norm.forward(x + y), [1]))\n");
}

const char* const batch_first =
    "    q, k, v = self.qkv.forward(x).reshape([n, t, 3, 2, 3]).permute([2, 0, 3, 1, 4]).unbind(0)\n"
    "    a = self.weights.forward(torch.matmul(q, k.transpose(-2, -1)))\n"
    "    y = self.attention.forward(torch.matmul(a, v).transpose(1, 2).reshape([n, t, 6]))\n";

// As nn.MultiheadAttention does it: steps before the batch, and both in one axis for the last linear layer.
const char* const steps_first =
    "    q, k, v = self.qkv.forward(x.transpose(0, 1)).unflatten(-1, [3, 6]).unsqueeze(0).transpose(0, -2).squeeze(-2)"
    ".contiguous().unbind(0)\n"
    "    q = q.view([t, n * 2, 3]).transpose(0, 1)\n"
    "    k = k.view([t, n * 2, 3]).transpose(0, 1)\n"
    "    v = v.view([t, n * 2, 3]).transpose(0, 1)\n"
    "    a = self.weights.forward(torch.bmm(q, k.transpose(-2, -1)))\n"
    "    y = torch.bmm(a, v).transpose(0, 1).contiguous().view([t * n, 6])\n"
    "    y = self.attention.forward(y).view([t, n, 6]).transpose(0, 1)\n";

TEST(Axes, TokensAreAGridBehindTheirClassToken) {
  for (const char* attention : {batch_first, steps_first}) {
    TorchScriptModel model(transformer(attention));
    for (const int64_t rows : {1, 2}) {
      const at::Tensor x = seeded({rows, 3, 16, 32}, 54);
      EXPECT_EQ(model.auto_layer(x), "norm");
      const at::Tensor tokens = activation(model, x, "class_token");
      ASSERT_EQ(tokens.sizes(), (Shape{rows, 6, 4, 8}));
      EXPECT_TRUE(at::allclose(tokens, activation(model, x, "patches")));
      EXPECT_EQ(activation(model, x, "norm").sizes(), (Shape{rows, 6, 4, 8}));
    }
  }
}

TEST(Axes, WeightsBetweenPositionsAreNoMap) {
  TorchScriptModel model(transformer(batch_first));
  expect_refused(model, seeded({2, 3, 16, 32}, 55), "weights", "attention");
  TorchScriptModel folded(transformer(steps_first));  // heads are in the batch too
  expect_refused(folded, seeded({2, 3, 16, 32}, 55), "weights", "folded into its batch");
}

TEST(Axes, ResumeWithTokensIsTheOutput) {
  TorchScriptModel model(transformer(batch_first));
  const at::Tensor x = seeded({2, 3, 16, 32}, 56);
  for (const char* layer : {"patches", "class_token", "norm"}) {
    Needs needs;
    needs.captures = {{layer}};
    const auto pass = model.forward(x, needs, false);
    EXPECT_TRUE(at::allclose(pass->resume({layer}, pass->activation(layer)), pass->output())) << layer;
    const at::Tensor twice = pass->activation(layer).repeat_interleave(2, 0);
    EXPECT_TRUE(at::allclose(pass->resume({layer}, twice), pass->output().repeat_interleave(2, 0))) << layer;
  }
}

TEST(Axes, WhatLiesAcrossIsRefused) {
  TorchScriptModel model(assembled({{"stem", "torch.conv2d(x, self.w0)", {{6, 3, 3, 3}}},
                                    {"turn", "torch.transpose(x, 2, 3)", {}},
                                    {"flat", "torch.flatten(x, 2)", {}},
                                    {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
                                   "    x = self.turn.forward(self.stem.forward(x))\n"
                                   "    return self.fc.forward(torch.mean(self.flat.forward(x), [2]))\n"));
  const at::Tensor x = seeded({2, 3, 10, 10}, 57);
  EXPECT_EQ(model.auto_layer(x), "stem");
  expect_refused(model, x, "turn", "transposed");
  expect_refused(model, x, "flat", "transposed");
}

// Channels that are as many as the classes are no class scores while something behind them mixes them.
TEST(Axes, ClassScoresAreWhatNothingMixesAnyMore) {
  TorchScriptModel same(assembled({{"stem", "torch.conv2d(x, self.w0)", {{5, 3, 3, 3}}},
                                   {"last", "torch.relu(torch.conv2d(x, self.w0))", {{4, 5, 3, 3}}},
                                   {"fc", "torch.linear(x, self.w0)", {{4, 4}}}},
                                  "    x = self.last.forward(self.stem.forward(x))\n"
                                  "    return self.fc.forward(torch.mean(x, [2, 3]))\n"));
  const at::Tensor x = seeded({2, 3, 10, 10}, 58);
  EXPECT_EQ(same.auto_layer(x), "last");
  TorchScriptModel head(assembled({{"features", "torch.relu(torch.conv2d(x, self.w0))", {{5, 3, 3, 3}}},
                                   {"classifier", "torch.conv2d(x, self.w0)", {{4, 5, 1, 1}}},
                                   {"act", "torch.relu(x)", {}}},
                                  "    x = self.act.forward(self.classifier.forward(self.features.forward(x)))\n"
                                  "    return torch.flatten(torch.adaptive_avg_pool2d(x, [1, 1]), 1)\n"));
  EXPECT_EQ(head.auto_layer(x), "features");
  TorchScriptModel alone(assembled({{"only", "torch.relu(torch.conv2d(x, self.w0))", {{4, 3, 3, 3}}}},
                                   "    return torch.mean(self.only.forward(x), [2, 3])\n"));
  EXPECT_EQ(alone.auto_layer(x), "only");  // there is nothing else
}

TEST(Axes, TheUserOverrides) {
  ModelOptions options;
  options.layout = "channels_last";
  TorchScriptModel model(assembled({{"stem", "torch.conv2d(x, self.w0)", {{6, 3, 3, 3}}},
                                    {"turn", "torch.transpose(x, 2, 3)", {}},
                                    {"fc", "torch.linear(x, self.w0)", {{4, 6}}}},
                                   "    x = self.turn.forward(self.stem.forward(x))\n"
                                   "    return self.fc.forward(torch.mean(x, [2, 3]))\n"),
                         options);
  EXPECT_EQ(activation(model, seeded({2, 3, 10, 8}, 59), "turn").sizes(), (Shape{2, 8, 6, 6}));
}

}  // namespace
}  // namespace attune
