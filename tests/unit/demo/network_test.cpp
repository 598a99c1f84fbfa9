#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

#include "demo/train.h"

namespace attune {
namespace {

at::Tensor pictures(int64_t count, int64_t size) {
  return at::arange(count * 3 * size * size, at::kFloat).mul_(0.37).sin_().view({count, 3, size, size});
}

at::Tensor logits(TrainingModel& network, const at::Tensor& input) { return network.forward(input, "auto"); }

TEST(DemoNetwork, GivesOneLogitPerClass) {
  TrainingModel network = demo_network(5, 0);
  EXPECT_EQ(logits(network, pictures(2, 96)).sizes(), (std::vector<int64_t>{2, 5}));
  EXPECT_EQ(logits(network, pictures(2, 32)).sizes(), (std::vector<int64_t>{2, 5}));
}

TEST(DemoNetwork, WeightsComeFromTheSeed) {
  TrainingModel first = demo_network(4, 7), second = demo_network(4, 7), other = demo_network(4, 8);
  const at::Tensor input = pictures(2, 32);
  EXPECT_TRUE(at::equal(logits(first, input), logits(second, input)));
  EXPECT_FALSE(at::equal(logits(first, input), logits(other, input)));
}

TEST(DemoNetwork, HasTheLayersThatItsHeaderNames) {
  std::set<std::string> names;
  const TrainingModel network = demo_network(3, 0);
  const auto model = image_model(network.source());
  for (const auto& layer : model->layers()) names.insert(layer.name);
  for (const char* name : {"layer1", "layer2", "layer3", "layer4", "layer4.conv2", "layer4.relu2", "fc"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
}

TEST(DemoNetwork, AnswersTheSameAfterSavingAndLoading) {
  TrainingModel network = demo_network(3, 1);
  network.train(true);
  logits(network, pictures(4, 32));  // moves the running statistics
  std::istringstream file(network.saved());
  torch::jit::Module loaded = torch::jit::load(file);
  network.restore_flags();
  const at::Tensor input = pictures(2, 64);
  EXPECT_FALSE(loaded.is_training());
  EXPECT_TRUE(at::equal(logits(network, input), loaded.forward({input}).toTensor()));
}

TEST(DemoNetwork, EvaluationLeavesTheStatisticsAlone) {
  TrainingModel network = demo_network(3, 2);
  const auto statistics = [&] {
    std::vector<at::Tensor> copies;
    for (const auto& [name, tensor] : network.state()) {
      if (name.find("running") != std::string::npos) copies.push_back(tensor.flatten().clone());
    }
    return at::cat(copies);
  };
  const at::Tensor fresh = statistics();
  logits(network, pictures(2, 32));
  EXPECT_TRUE(at::equal(fresh, statistics()));
  network.train(true);
  logits(network, pictures(2, 32));
  EXPECT_FALSE(at::equal(fresh, statistics()));
}

TEST(DemoNetwork, EveryParameterHasAGradient) {
  TrainingModel network = demo_network(3, 3);
  network.train(true);
  logits(network, pictures(4, 32)).square().sum().backward();
  for (const at::Tensor& parameter : network.freeze({})) {
    ASSERT_TRUE(parameter.grad().defined()) << parameter.sizes();
    EXPECT_GT(parameter.grad().abs().sum().item<float>(), 0) << parameter.sizes();
  }
}

TEST(DemoNetwork, RefusesToHaveNoClasses) {
  for (const int64_t classes : {0, -3}) {
    try {
      demo_network(classes, 0);
      ADD_FAILURE() << classes;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
    }
  }
}

}  // namespace
}  // namespace attune
