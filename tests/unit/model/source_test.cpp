// A model that is no TorchScript: a graph, made by hand as a format would make it, and a tree of parameters.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "errors.h"
#include "model/graph/operators.h"
#include "model/run/training_model.h"
#include "models.h"

namespace attune {
namespace {

// conv - act - mean - linear, pictures of 3 channels to 4 classes, in float64. The tree knows names and tensors, but no
// class of a layer and no code.
class ByHand : public testing::Test {
 protected:
  ByHand() {
    tree_.register_parameter("kernel", test::seeded({5, 3, 3, 3}, 1, 0.4).requires_grad_(), false);
    tree_.register_parameter("fc", test::seeded({4, 5}, 2).requires_grad_(), false);
    auto graph = std::make_shared<torch::jit::Graph>();
    torch::jit::Value* self = graph->addInput("self")->setType(tree_.type());
    torch::jit::Value* value = graph->addInput("x");
    const auto parameter = [&](const char* name) { return graph->insertGetAttr(self, name); };
    value = graph->insert(c10::aten::conv2d, {value, parameter("kernel")});
    value = mark_layer(*graph, value, "features.conv");
    value = graph->insert(c10::aten::relu, {value});
    value = mark_layer(*graph, value, "features.act");
    value = graph->insert(c10::aten::mean, {value, std::vector<int64_t>{2, 3}});
    value = graph->insert(c10::aten::linear, {value, parameter("fc")});
    graph->registerOutput(value);
    number_repeated_calls(graph);
    source_ = {"by hand", graph, tree_};
  }

  at::Tensor activation(const at::Tensor& x) const { return at::conv2d(x, tree_.attr("kernel").toTensor()).relu(); }
  at::Tensor scores(const at::Tensor& activation) const {
    return at::linear(activation.mean({2, 3}), tree_.attr("fc").toTensor());
  }

  torch::jit::Module tree_ = torch::jit::Module("__torch__.Tree");
  ModelSource source_;
  at::Tensor x_ = test::seeded({2, 3, 8, 6}, 3);
};

TEST_F(ByHand, IsAModelAsAnyOther) {
  GraphModel model(source_);
  EXPECT_EQ(model.source(), "by hand");
  ASSERT_EQ(model.layers().size(), 2U);
  EXPECT_EQ(model.layers()[0].name, "features.conv");
  EXPECT_EQ(model.layers()[1].type, "");
  EXPECT_EQ(model.activations(), std::vector<std::string>{"relu"});
  EXPECT_EQ(model.auto_layer(x_), "features.act");
  EXPECT_TRUE(at::allclose(model.module_output(x_, false), scores(activation(x_))));
  EXPECT_TRUE(at::allclose(model.copy(at::kFloat)->module_output(x_.to(at::kFloat), false).to(at::kDouble),
                           scores(activation(x_)), 1e-4, 1e-5));
}

// What Grad-CAM asks for, and for a map with a graph the gradient of the map in the tree's own parameters.
TEST_F(ByHand, GivesActivationsAndTheirGradients) {
  GraphModel model(source_);
  Needs needs;
  needs.captures = {{"features.act"}};
  needs.gradients = true;
  for (const bool graph : {false, true}) {
    const auto pass = model.forward(x_, needs, graph);
    const at::Tensor captured = pass->activation("features.act");
    const at::AutoGradMode mode(true);
    const at::Tensor of_pass = pass->gradients(pass->output().select(1, 2), {captured}, Rectifier::standard)[0];
    const at::Tensor written = activation(x_);
    const at::Tensor expected =
        torch::autograd::grad({scores(written).select(1, 2).sum()}, {written}, {}, true, graph)[0];
    EXPECT_TRUE(at::allclose(captured, written));
    EXPECT_TRUE(at::allclose(of_pass, expected));
    if (!graph) continue;
    const std::vector<at::Tensor> parameters{tree_.attr("kernel").toTensor(), tree_.attr("fc").toTensor()};
    const auto found = torch::autograd::grad({(of_pass * captured).sum()}, parameters);
    const auto wanted = torch::autograd::grad({(expected * written).sum()}, parameters);
    for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(found[i], wanted[i])) << i;
  }
}

TEST_F(ByHand, GuidesGradientsAndGoesOnBehindALayer) {
  GraphModel model(source_);
  Needs needs;
  needs.captures = {{"features.conv"}};
  needs.input_gradient = true;
  const auto pass = model.forward(x_, needs, false);
  const at::Tensor guided = pass->gradients(pass->output().select(1, 1), {pass->input()}, Rectifier::guided)[0];
  const at::Tensor before = at::conv2d(x_, tree_.attr("kernel").toTensor()).detach();
  const at::Tensor back = tree_.attr("fc").toTensor()[1].detach().clamp_min(0).view({1, 5, 1, 1}).expand_as(before) *
                          (before > 0) / (before.size(2) * before.size(3));
  EXPECT_TRUE(at::allclose(guided, at::conv_transpose2d(back, tree_.attr("kernel").toTensor().detach())));
  EXPECT_TRUE(at::allclose(pass->resume({"features.conv"}, before * 0.5), scores((before * 0.5).relu())));
}

TEST_F(ByHand, CanBeTrained) {
  TrainingModel trained(source_);
  EXPECT_EQ(trained.freeze({"kernel"}).size(), 1U);
  trained.forward(x_, "auto").sum().backward();
  EXPECT_TRUE(tree_.attr("fc").toTensor().grad().defined());
  EXPECT_FALSE(tree_.attr("kernel").toTensor().grad().defined());
  EXPECT_EQ(trained.state().size(), 2U);
  EXPECT_EQ(test::message_of(Fault::output, [&] { trained.saved(); }), "models of this kind (by hand) cannot be saved");
}

// A second mark of one path has a number, and a layer that the graph cannot be cut at is none.
TEST_F(ByHand, NumbersLayersThatAreCalledAgain) {
  torch::jit::Graph& graph = *source_.graph;
  torch::jit::Value* scores = graph.outputs()[0];
  torch::jit::WithInsertPoint point(graph.return_node());
  graph.eraseOutput(0);
  graph.registerOutput(mark_layer(graph, scores, "features.act"));
  number_repeated_calls(source_.graph);
  const GraphModel model(source_);
  ASSERT_EQ(model.layers().size(), 3U);
  EXPECT_EQ(model.layers()[2].name, "features.act@2");
}

// A network with a child and a buffer.
TEST(Scripted, IsAModelOfItsTensors) {
  const at::Tensor kernel = test::seeded({4, 3, 3, 3}, 1), shift = test::seeded({4}, 2);
  const ScriptedModule conv{
      "conv.Conv2d", "def forward(self, x):\n    return torch.conv2d(x, self.kernel, None)\n", {{"kernel", kernel}}};
  const ScriptedModule network{"Network",
                               "def forward(self, x):\n"
                               "    return torch.mean(self.conv.forward(x), [2, 3]) + self.shift\n",
                               {},
                               {{"shift", shift}},
                               {{"conv", conv}}};
  const auto model = torchscript_model(network);
  EXPECT_EQ(model->source(), "torchscript");
  ASSERT_EQ(model->layers().size(), 1U);
  EXPECT_EQ(model->layers()[0].type, "Conv2d");
  EXPECT_TRUE(model->parameter("conv.kernel").requires_grad());
  const at::Tensor x = test::seeded({2, 3, 6, 5}, 3);
  EXPECT_TRUE(at::allclose(model->forward(x, {}, true)->output(), at::conv2d(x, kernel).mean({2, 3}) + shift));
}

TEST(Scripted, SaysWhichModuleDoesNotCompile) {
  const ScriptedModule broken{"Broken", "def forward(self, x):\n    return torch.sofmax(x, 1)\n"};
  const std::string said = test::message_of(Fault::input, [&] { torchscript_model(broken); });
  EXPECT_TRUE(test::contains(said, "module 'Broken' does not compile: ")) << said;
}

}  // namespace
}  // namespace attune
