#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "methods.h"

namespace attune {
namespace {

TEST(Cam, WeighsTheFeaturesAsTheLinearLayerDoes) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    Needs needs;
    needs.captures = {{"act"}};
    const at::Tensor features = model.forward(x, needs, false)->activation("act");
    auto shape = std::vector<int64_t>(static_cast<size_t>(rank + 2), 1);
    shape[1] = 3;
    const at::Tensor expected = (module.attr("fc").toTensor().detach()[2].view(shape) * features).sum(1, true);
    for (const bool graph : {false, true}) {
      const at::Tensor map = test::map_of(model, x, "cam", {}, 2, graph);
      EXPECT_TRUE(at::allclose(map, expected, 1e-9, 1e-12)) << rank << graph;
    }
    EXPECT_LT(expected.min().item<double>(), 0);
    EXPECT_TRUE(
        at::equal(test::map_of(model, x, "cam", {{"relu", true}}, 2), at::relu(test::map_of(model, x, "cam", {}, 2))));
  }
}

// A network whose pooled features go through `head`.
test::Module with_head(const std::string& head) {
  test::Module m("__torch__.WithHead");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv", test::conv(3, 5, 1, 2));
  m.register_parameter("w0", test::seeded({5, 5}, 3).requires_grad_(), false);
  m.register_parameter("w1", test::seeded({5, 4}, 4).requires_grad_(), false);
  m.register_parameter("b", test::seeded({4}, 5).requires_grad_(), false);
  m.define("def forward(self, x):\n    x = self.conv.forward(x)\n    return " + head + "\n");
  return m;
}

// The mean of the map is the score less what it is without features.
TEST(Cam, TakesOtherOrdersOfPoolingAndLinearLayers) {
  const at::Tensor x = test::seeded({3, 3, 8, 8}, 6);
  for (const std::string head : {"torch.matmul(torch.matmul(torch.mean(x, [2, 3]), self.w0), self.w1) + self.b",
                                 "torch.mean(torch.matmul(x.flatten(2).transpose(1, 2), self.w1), [1]) + self.b",
                                 "torch.matmul(torch.adaptive_avg_pool2d(x, [1, 1]).flatten(1), self.w1) + self.b"}) {
    const auto module = with_head(head);
    TorchScriptModel model(module);
    const at::Tensor map = test::map_of(model, x, "cam", {{"layer", std::string("conv")}}, 1);
    const at::Tensor score = model.module_output(x, false).select(1, 1) - module.attr("b").toTensor().detach()[1];
    EXPECT_TRUE(at::allclose(map.flatten(1).mean(1), score, 1e-9, 1e-12)) << head;
  }
}

TEST(Cam, IsRefusedWhereMoreFollows) {
  const std::string rectified = "torch.matmul(torch.relu(torch.matmul(torch.mean(x, [2, 3]), self.w0)), self.w1)";
  const at::Tensor x = test::seeded({2, 3, 8, 8}, 6);
  for (const std::string& head :
       {rectified, rectified + " + self.b", std::string("torch.matmul(torch.mean(torch.tanh(x), [2, 3]), self.w1)"),
        std::string("torch.softmax(torch.matmul(torch.mean(x, [2, 3]), self.w1), 1)"),
        std::string("torch.matmul(torch.amax(x, [2, 3]), self.w1)"),
        std::string("torch.matmul(x[:, :, 1, 1], self.w1)")}) {
    TorchScriptModel model(with_head(head));
    EXPECT_EQ(test::message_of(Fault::run,
                               [&] {
                                 test::map_of(model, x, "cam", {{"layer", std::string("conv")}}, 1);
                               }),
              "the method of map 'cam': there is no class activation map at layer 'conv', as more than a mean over "
              "positions and a linear layer follows; gradcam and hirescam need no such model")
        << head;
  }
}

TEST(Cam, BatchEqualsSamples) { test::expect_batch_equals_samples("cam"); }

TEST(Cam, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("cam", {{"layer", std::string("act")}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
