// Maps leave nothing behind in the process.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "memory.h"
#include "support.h"

namespace attune::test {
namespace {

class Growth : public testing::TestWithParam<bool> {};

TEST_P(Growth, EightHundredMapsAreLessThanAKilobyteEach) {
  if (sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  const torch::jit::Module module = small_model("torch.relu(x)", true);
  TorchScriptModel model(module);
  const std::vector<MapRequest> requests{input_gradient(), activation_of("act2")};
  std::vector<at::Tensor> parameters;
  for (const auto& parameter : module.parameters()) parameters.push_back(parameter);
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const MapSet set = compute_maps(model, two_inputs(), requests, choices({"top1"}), GetParam());
      if (GetParam()) torch::autograd::grad({set.maps[0][0].values.square().sum()}, parameters, {}, {}, false, true);
    }
  };
  run(200);
  const int64_t before = allocated();
  run(800);
  EXPECT_LT(allocated() - before, 800 * 1000);
}

INSTANTIATE_TEST_SUITE_P(Maps, Growth, testing::Bool(), [](const auto& with_graph) {
  return std::string(with_graph.param ? "WithGraph" : "WithoutGraph");
});

}  // namespace
}  // namespace attune::test
