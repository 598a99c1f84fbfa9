// Whether runs leave something behind in the process.

#include <ATen/ATen.h>
#include <malloc.h>
#include <torch/csrc/autograd/autograd.h>

#include "conformance/checks.h"

namespace attune::conformance {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr int warm_up = 100;
constexpr int runs = 200;
constexpr int64_t most_per_run = 1000;  // bytes; one lost map of this check has more

// Bytes that are allocated. Pages in memory, which the kernel takes and gives as other processes need them, would say
// something of the machine.
int64_t allocated() {
  const auto memory = mallinfo2();
  return static_cast<int64_t>(memory.uordblks + memory.hblkhd);
}

}  // namespace

std::string check_growth(const Subject& subject, uint64_t seed) {
  if (sanitized) throw Skipped("a sanitizer keeps freed memory");
  const auto made = subject.make_quick();
  Scene scene{subject.usual_rank(), at::kFloat};
  scene.graph = subject.descriptor().differentiable;
  const Tensors inputs = subject.inputs(scene, 4, seed);
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) {
      Tensors of = inputs;
      if (scene.graph) of[0] = inputs[0].clone().requires_grad_();
      const at::Tensor sum = attempt(made->place(scene), [&] { return made->guarded(scene, of); })[0].sum();
      if (scene.graph && sum.requires_grad())
        torch::autograd::grad({sum}, {of[0]}, {}, false, false, /*allow_unused=*/true);
    }
  };
  run(warm_up);
  int64_t grown = 0;
  for (int attempts = 0; attempts < 2; ++attempts) {  // what the allocator adds once does not come again
    const int64_t before = allocated();
    run(runs);
    grown = (allocated() - before) / runs;
    if (grown <= most_per_run) {
      return std::to_string(runs) + " runs, at most " + std::to_string(most_per_run) + " bytes each";
    }
  }
  throw Failed(made->place(scene) + ": the process grows by " + std::to_string(grown) +
               " bytes with every run, at most " + std::to_string(most_per_run) +
               " were expected; mind caches, and graphs that point to themselves");
}

}  // namespace attune::conformance
