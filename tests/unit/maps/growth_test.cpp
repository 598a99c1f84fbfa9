// Maps leave nothing behind in the process.
#include <gtest/gtest.h>

#include <fstream>
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

namespace attune::test {
namespace {

// Bytes in memory once what was freed is given back: the allocator otherwise returns pages when it likes.
int64_t resident() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  int64_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

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
  const int64_t before = resident();
  run(800);
  EXPECT_LT(resident() - before, 800 * 1000);
}

INSTANTIATE_TEST_SUITE_P(Maps, Growth, testing::Bool(), [](const auto& with_graph) {
  return std::string(with_graph.param ? "WithGraph" : "WithoutGraph");
});

}  // namespace
}  // namespace attune::test
