// Rewriting: what the programs compute is what the module computes, whatever its code does.

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/sdk/error.h>
#include <attune/sdk/tail.h>

#include "errors.h"
#include "models.h"

namespace attune {
namespace {

using test::module;
using test::seeded;

at::Tensor whole_output(TorchScriptModel& model, const at::Tensor& x, bool graph) {
  return model.forward(x, {}, graph)->output();
}

// Live and frozen programs agree with the module, and the input stays what it was.
void expect_same_output(const torch::jit::Module& m, const at::Tensor& x) {
  TorchScriptModel model(m);
  const at::Tensor before = x.clone();
  const at::Tensor expected = model.module_output(x.clone(), false);
  EXPECT_TRUE(at::equal(whole_output(model, x, true), expected));
  EXPECT_TRUE(at::allclose(whole_output(model, x, false), expected, 1e-9, 1e-9));
  EXPECT_TRUE(at::equal(x, before));
}

std::vector<std::string> names(const TorchScriptModel& model) {
  std::vector<std::string> result;
  for (const auto& layer : model.layers()) result.push_back(layer.name);
  return result;
}

TEST(Graph, NamesEveryCallInOrder) {
  const TorchScriptModel model(test::small_model());
  EXPECT_EQ(names(model), (std::vector<std::string>{"conv1", "act1", "conv2", "act2"}));
  EXPECT_EQ(model.layers()[0].type, "Conv2d");
}

TEST(Graph, NumbersRepeatedCalls) {
  torch::jit::Module m("__torch__.Twice");
  m.register_module("act", test::activation("torch.relu(x)"));
  m.define("def forward(self, x):\n    return torch.sum(self.act.forward(self.act.forward(x) - 1), [2, 3])\n");
  EXPECT_EQ(names(TorchScriptModel(m)), (std::vector<std::string>{"act", "act@2"}));
}

// nn.LSTM and nn.GRU have overloads of forward, which return tuples.
TEST(Graph, NamesOverloads) {
  torch::jit::Module gru("__torch__.GRU");
  gru.define("def forward__0(self, x):\n    return torch.relu(x), [x]\n");
  torch::jit::Module m("__torch__.Overloads");
  m.register_module("gru", gru);
  m.define("def forward(self, x):\n    y, _ = self.gru.forward__0(x)\n    return torch.sum(y, [2, 3])\n");
  const TorchScriptModel model(m);
  EXPECT_EQ(names(model), std::vector<std::string>{"gru"});
  EXPECT_EQ(model.layers()[0].type, "GRU");
}

TEST(Graph, OutputEqualsTheModules) {
  const at::Tensor x = seeded({2, 3, 8, 8}, 7);
  expect_same_output(test::small_model(), x);
  expect_same_output(test::small_model("torch.relu_(x)", true), x);
}

TEST(Graph, InPlaceActivationOnASharedValue) {
  // y aliases x when relu_ writes it, and x is used again: the write must be seen there too.
  const auto m = module("Shared",
                        "def forward(self, x):\n"
                        "    a = x * 2.0\n"
                        "    b = a.view([a.size(0), -1])\n"
                        "    c = torch.relu_(b)\n"
                        "    return torch.sum(a, [2, 3]) + torch.sum(c, [1], True)\n");
  expect_same_output(m, seeded({2, 3, 4, 4}, 8));
}

TEST(Graph, InPlaceOnTheInputLeavesTheUsersTensorAlone) {
  const auto m = module("OnInput", "def forward(self, x):\n    return torch.sum(torch.relu_(x), [2, 3])\n");
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 4, 4}, 9);
  const at::Tensor before = x.clone();
  EXPECT_TRUE(at::equal(whole_output(model, x, true), at::relu(before).sum({2, 3})));
  EXPECT_TRUE(at::equal(x, before));
}

TEST(Graph, SliceAssignmentAndLoops) {
  const auto m = module("Loops",
                        "def forward(self, x):\n"
                        "    a = x * 1.0\n"
                        "    for i in range(3):\n"
                        "        a[:, i] = a[:, i] * float(i)\n"
                        "    return torch.sum(torch.relu_(a), [2, 3])\n");
  expect_same_output(m, seeded({2, 3, 4, 4}, 10));
}

TEST(Graph, ListsThatGrow) {
  const auto m = module("Dense",
                        "def forward(self, x):\n"
                        "    parts = [x]\n"
                        "    for i in range(2):\n"
                        "        parts.append(torch.relu(torch.cat(parts, 1)))\n"
                        "    return torch.sum(torch.cat(parts, 1), [2, 3])\n");
  const at::Tensor x = seeded({2, 3, 4, 4}, 11);
  expect_same_output(m, x);
  expect_same_output(m, x);
}

torch::jit::Module checked_model() {
  torch::jit::Module m("__torch__.Checked");
  m.register_module("conv", test::conv(3, 4, 5));
  m.define(
      "def forward(self, x):\n"
      "    if x.size(1) == 3:\n"
      "        y = torch.relu(self.conv.forward(x))\n"
      "    else:\n"
      "        assert False, \"three channels, please\"\n"
      "        y = x\n"
      "    return torch.sum(y, [2, 3])\n");
  return m;
}

TEST(Graph, ChecksStayAndTheLayersBehindThemAreFree) {
  TorchScriptModel model(checked_model());
  EXPECT_EQ(names(model), (std::vector<std::string>{"conv"}));
  expect_same_output(checked_model(), seeded({2, 3, 4, 4}, 12));
  for (const bool graph : {true, false}) {
    try {
      model.forward(seeded({2, 2, 4, 4}, 12), {}, graph);
      FAIL() << "the model's own check was lost";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("three channels, please"), std::string::npos) << error.what();
    }
  }
}

TEST(Graph, BranchesOnTheInputKeepTheirLayersAndSaySo) {
  torch::jit::Module m("__torch__.Branch");
  m.register_module("conv", test::conv(3, 4, 5));
  m.define(
      "def forward(self, x):\n"
      "    y = x\n"
      "    if bool(torch.sum(x) > 0):\n"
      "        y = self.conv.forward(x)\n"
      "    return torch.sum(torch.relu(y), [2, 3])\n");
  TorchScriptModel model(m);
  expect_same_output(m, seeded({2, 3, 4, 4}, 13).abs());
  expect_same_output(m, -seeded({2, 3, 4, 4}, 13).abs());
  Needs needs;
  needs.captures = {{"conv"}};
  try {
    model.forward(seeded({2, 3, 4, 4}, 13), needs, false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("lies in a branch"), std::string::npos) << error.what();
  }
}

TEST(Graph, TrainingFlagsAndAttributesBecomeConstants) {
  auto m = module("Flags",
                  "def forward(self, x):\n"
                  "    if self.training:\n"
                  "        x = x * 100.0\n"
                  "    return torch.sum(torch.relu(x), [2, 3])\n");
  m.setattr("training", true);
  TorchScriptModel model(m);
  const at::Tensor x = seeded({2, 3, 4, 4}, 14);
  EXPECT_TRUE(at::equal(whole_output(model, x, true), at::relu(x).sum({2, 3})));
  EXPECT_TRUE(m.attr("training").toBool());
}

TEST(Graph, ACapturedActivationIsWhatTheLayerReturned) {
  TorchScriptModel model(test::small_model("torch.relu_(x)", true));
  Needs needs;
  needs.captures = {{"conv1"}, {"act1"}};
  const at::Tensor x = seeded({2, 3, 8, 8}, 15);
  for (const bool graph : {true, false}) {
    const auto pass = model.forward(x, needs, graph);
    EXPECT_LT(pass->activation("conv1").min().item<double>(), 0) << "overwritten by the activation behind it";
    EXPECT_TRUE(at::allclose(pass->activation("conv1").relu(), pass->activation("act1")));
  }
}

TEST(Graph, ResumeWithTheUnchangedActivationIsTheOutput) {
  for (const bool skip : {false, true}) {
    TorchScriptModel model(test::small_model("torch.relu_(x)", skip));
    const at::Tensor x = seeded({2, 3, 8, 8}, 16);
    for (const auto& layer : model.layers()) {
      Needs needs;
      needs.captures = {{layer.name}};
      const auto pass = model.forward(x, needs, true);
      EXPECT_TRUE(at::equal(pass->resume({layer.name}, pass->activation(layer.name)), pass->output())) << layer.name;
    }
  }
}

TEST(Graph, ResumeTakesSeveralVariantsOfEverySample) {
  TorchScriptModel model(test::small_model("torch.relu(x)", true));
  Needs needs;
  needs.captures = {{"conv2"}};
  const auto pass = model.forward(seeded({2, 3, 8, 8}, 17), needs, false);
  const at::Tensor thrice = pass->activation("conv2").repeat_interleave(3, 0);
  EXPECT_TRUE(at::allclose(pass->resume({"conv2"}, thrice), pass->output().repeat_interleave(3, 0)));
}

// A residual connection crosses the cut behind conv2, and nothing the one behind act2.
TEST(Graph, TailsGiveWhatResumeGivesInChunks) {
  ModelOptions options;
  options.chunk = 4;
  TorchScriptModel model(test::small_model("torch.tanh(x)", true), options);
  const at::Tensor x = seeded({3, 3, 8, 8}, 17).requires_grad_();
  for (const std::string layer : {"conv1", "conv2", "act2"}) {
    for (const bool graph : {false, true}) {
      const at::AutoGradMode mode(true);
      Needs needs;
      needs.captures = {{layer}};
      const auto pass = model.forward(x, needs, graph);
      auto* tail = static_cast<Tail*>(pass->extension(Tail::id));
      ASSERT_NE(tail, nullptr);
      const at::Tensor activation = pass->activation(layer);
      const at::Tensor changed = activation.repeat_interleave(5, 0) * seeded({15, 1, 1, 1}, 18);
      std::vector<int64_t> sizes;
      const auto outputs = tail->outputs({layer}, 15, [&](int64_t begin, int64_t end) {
        sizes.push_back(end - begin);
        return changed.slice(0, begin, end);
      });
      EXPECT_EQ(sizes, (std::vector<int64_t>{4, 4, 4, 3})) << layer;
      EXPECT_TRUE(at::allclose(outputs, pass->resume({layer}, changed), 1e-12, 1e-14)) << layer;
      EXPECT_EQ(outputs.requires_grad(), graph);
      if (!graph) continue;
      const auto gradient = [&](const at::Tensor& of) { return torch::autograd::grad({of.sum()}, {x}, {}, true)[0]; };
      EXPECT_TRUE(at::allclose(gradient(outputs), gradient(pass->resume({layer}, changed)), 1e-10, 1e-12)) << layer;
    }
  }
}

// Exported programs take the number of rows at their beginning.
TEST(Graph, ANumberOfRowsThatCrossesTheCutIsThatOfTheVariants) {
  torch::jit::Module m("__torch__.Counted");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv", test::conv(3, 5, 1));
  m.define(
      "def forward(self, x):\n"
      "    n = x.size(0)\n"
      "    return torch.mean(torch.reshape(torch.tanh(self.conv.forward(x)), [n, 5, -1]), [2])\n");
  for (const int64_t rows : {1, 2}) {
    TorchScriptModel model(m);
    Needs needs;
    needs.captures = {{"conv"}};
    const auto pass = model.forward(seeded({rows, 3, 8, 8}, 19), needs, false);
    const at::Tensor thrice = pass->activation("conv").repeat_interleave(3, 0);
    const at::Tensor expected = pass->output().repeat_interleave(3, 0);
    EXPECT_TRUE(at::allclose(pass->resume({"conv"}, thrice), expected)) << rows;
    auto* tail = static_cast<Tail*>(pass->extension(Tail::id));
    const auto make = [&](int64_t begin, int64_t end) { return thrice.slice(0, begin, end); };
    EXPECT_TRUE(at::allclose(tail->outputs({"conv"}, 3 * rows, make), expected)) << rows;
  }
}

TEST(Graph, TailsRefuseOtherRowsAndShapes) {
  TorchScriptModel model(test::small_model());
  Needs needs;
  needs.captures = {{"auto"}};
  const auto pass = model.forward(seeded({2, 3, 8, 8}, 17), needs, false);
  auto* tail = static_cast<Tail*>(pass->extension(Tail::id));
  const auto refusal = [&](const std::string& layer, int64_t rows, const at::Tensor& made) {
    return test::message_of(Fault::run, [&] { tail->outputs({layer}, rows, [&](int64_t, int64_t) { return made; }); });
  };
  EXPECT_EQ(refusal("auto", 3, {}),
            "the tail behind layer 'act2' was asked for 3 rows, which are no multiple of 2 samples");
  EXPECT_EQ(refusal("auto", 4, at::zeros({4, 5, 4, 5})),
            "the tail behind layer 'act2' was given [4, 5, 4, 5] for 4 rows of [2, 5, 4, 4]");
  EXPECT_EQ(refusal("conv1", 4, {}), "layer 'conv1' was not declared in the method's Needs");
}

TEST(Graph, OutputsOfTuplesAndDicts) {
  const at::Tensor x = seeded({2, 3, 4, 4}, 18);
  const auto tuple = module("Tuple", "def forward(self, x):\n    return x, torch.sum(torch.relu(x), [2, 3])\n");
  ModelOptions options;
  options.output = "1";
  EXPECT_EQ(TorchScriptModel(tuple, options).forward(x, {}, false)->output().sizes(), (at::IntArrayRef{2, 3}));
  EXPECT_TRUE(at::equal(TorchScriptModel(tuple).forward(x, {}, false)->output(), x)) << "the first, whatever its shape";
  const auto dict =
      module("Dict", "def forward(self, x):\n    return {\"out\": torch.sum(torch.relu(x), [2, 3]), \"x\": x}\n");
  EXPECT_EQ(TorchScriptModel(dict).forward(x, {}, false)->output().sizes(), (at::IntArrayRef{2, 3}));
  options.output = "ouy";
  EXPECT_THROW(TorchScriptModel(dict, options).forward(x, {}, false), Error);
}

TEST(Graph, ArgumentsWithDefaultsTakeThem) {
  const auto m = module("Defaults",
                        "def forward(self, x, scale: float = 2.0, mask: Optional[Tensor] = None):\n"
                        "    if mask is not None:\n"
                        "        x = x * mask\n"
                        "    return torch.sum(torch.relu(x), [2, 3]) * scale\n");
  expect_same_output(m, seeded({2, 3, 4, 4}, 19));
  const auto two = module("TwoInputs", "def forward(self, x, y):\n    return torch.sum(x + y, [2, 3])\n");
  EXPECT_THROW(TorchScriptModel{two}, Error);
}

}  // namespace
}  // namespace attune
