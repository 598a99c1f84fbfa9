#include "demo/network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

namespace attune {
namespace {

using torch::jit::Module;

at::Tensor pictures(int64_t count, int64_t size) {
  return at::arange(count * 3 * size * size, at::kFloat).mul_(0.37).sin_().view({count, 3, size, size});
}

at::Tensor logits(Module& network, const at::Tensor& input) { return network.forward({input}).toTensor(); }

TEST(DemoNetwork, GivesOneLogitPerClass) {
  Module network = demo_network(5, 0);
  EXPECT_EQ(logits(network, pictures(2, 96)).sizes(), (std::vector<int64_t>{2, 5}));
  EXPECT_EQ(logits(network, pictures(2, 32)).sizes(), (std::vector<int64_t>{2, 5}));
}

TEST(DemoNetwork, WeightsComeFromTheSeed) {
  Module first = demo_network(4, 7), second = demo_network(4, 7), other = demo_network(4, 8);
  const at::Tensor input = pictures(2, 32);
  EXPECT_TRUE(at::equal(logits(first, input), logits(second, input)));
  EXPECT_FALSE(at::equal(logits(first, input), logits(other, input)));
}

TEST(DemoNetwork, HasTheLayersThatItsHeaderNames) {
  std::set<std::string> names;
  for (const auto& named : demo_network(3, 0).named_modules()) names.insert(named.name);
  for (const char* name : {"layer1", "layer2", "layer3", "layer4", "layer4.conv2", "layer4.relu2", "fc"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
}

TEST(DemoNetwork, AnswersTheSameAfterSavingAndLoading) {
  Module network = demo_network(3, 1);
  logits(network, pictures(4, 32));  // moves the running statistics
  network.eval();
  std::stringstream file;
  network.save(file);
  Module loaded = torch::jit::load(file);
  const at::Tensor input = pictures(2, 64);
  EXPECT_FALSE(loaded.is_training());
  EXPECT_TRUE(at::equal(logits(network, input), logits(loaded, input)));
}

TEST(DemoNetwork, EvaluationLeavesTheStatisticsAlone) {
  Module network = demo_network(3, 2);
  const auto statistics = [&] {
    std::vector<at::Tensor> copies;
    for (const auto& buffer : network.buffers()) copies.push_back(buffer.to(at::kFloat).flatten().clone());
    return at::cat(copies);
  };
  const at::Tensor fresh = statistics();
  network.eval();
  logits(network, pictures(2, 32));
  EXPECT_TRUE(at::equal(fresh, statistics()));
  network.train();
  logits(network, pictures(2, 32));
  EXPECT_FALSE(at::equal(fresh, statistics()));
}

TEST(DemoNetwork, EveryParameterHasAGradient) {
  Module network = demo_network(3, 3);
  logits(network, pictures(4, 32)).square().sum().backward();
  for (const auto& named : network.named_parameters()) {
    ASSERT_TRUE(named.value.grad().defined()) << named.name;
    EXPECT_GT(named.value.grad().abs().sum().item<float>(), 0) << named.name;
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
