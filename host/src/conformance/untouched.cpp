// What a component must leave as it found it: tensors and settings, the memory of the process, and itself, when two
// threads use it at once.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <barrier>
#include <c10/core/DefaultDtype.h>
#include <exception>
#include <malloc.h>
#include <thread>
#include <torch/csrc/autograd/autograd.h>

#include "conformance/checks.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

// What is known of a tensor that must not change.
struct Known {
  std::string name;
  at::Tensor tensor;
  at::Tensor values;
  bool requires_grad;
};

Known known(const std::string& name, const at::Tensor& tensor) {
  return {name, tensor, tensor.detach().clone(), tensor.requires_grad()};
}

std::string change_of(const Known& known) {
  if (!same(known.tensor.detach(), known.values)) return "changes the values of " + known.name;
  if (known.tensor.requires_grad() != known.requires_grad) return "changes requires_grad of " + known.name;
  if (known.tensor.is_leaf() && known.tensor.grad().defined()) return "leaves a .grad in " + known.name;
  return "";
}

// Settings of the thread and the process.
struct Settings {
  bool gradients = at::GradMode::is_enabled();
  int threads = at::get_num_threads();
  caffe2::TypeMeta type = c10::get_default_dtype();
  at::Tensor random = at::globalContext().defaultGenerator(at::kCPU).get_state();
};

std::string change_of(const Settings& before) {
  const Settings now;
  if (now.gradients != before.gradients) {
    return std::string("leaves gradients ") + (now.gradients ? "enabled" : "disabled") +
           "; use at::NoGradGuard or at::AutoGradMode, which restore the mode";
  }
  if (now.threads != before.threads) return "changes the number of threads";
  if (now.type != before.type) return "changes the default floating type";
  if (!same(now.random, before.random)) {
    return "draws from LibTorch's global generator; use Pass::generator()";
  }
  return "";
}

std::string change_of(const std::vector<Known>& tensors, const Watch& watch, const Settings& settings) {
  for (const Known& one : tensors) {
    std::string change = change_of(one);
    if (!change.empty()) return change;
  }
  if (!watch.changed().empty()) return "changes " + watch.changed() + ", which other maps use too";
  return change_of(settings);
}

void expect_untouched(const Subject& subject, const Instance& made, const Scene& scene, bool gradients, uint64_t seed) {
  Tensors inputs = subject.inputs(scene, 2, seed);
  std::vector<Known> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (scene.graph && inputs[i].is_floating_point()) inputs[i].requires_grad_();
    tensors.push_back(known(subject.input_names()[i], inputs[i]));
  }
  for (const auto& [name, weight] : subject.weights(scene)) tensors.push_back(known("the model's " + name, weight));
  Watch watch;
  std::string change;
  {
    const at::AutoGradMode mode(gradients);
    const Settings settings;
    attempt(made.place(scene), [&] { return made.run(scene, inputs, &watch); });
    change = change_of(tensors, watch, settings);
  }
  if (!change.empty()) {
    throw Failed(made.place(scene) + (scene.graph ? ", with a graph" : ", without a graph") + ": it " + change);
  }
}

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

constexpr int rounds = 12;
constexpr double thread_rounding = 1e-9;  // relative to the largest magnitude

}  // namespace

std::string check_untouched(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    Scene scene{rank, at::kFloat};
    expect_untouched(subject, *made, scene, true, seed);
    // The host asks methods with gradients enabled only.
    if (subject.descriptor().kind != ComponentKind::method) expect_untouched(subject, *made, scene, false, seed);
    scene.graph = true;
    expect_untouched(subject, *made, scene, true, seed);
  }
  return "inputs, model, gradient mode, random state and number of threads";
}

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

std::string check_threads(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  const Scene scene{subject.usual_rank()};
  std::vector<Tensors> inputs, expected;
  for (uint64_t i = 0; i < 2; ++i) {
    inputs.push_back(subject.inputs(scene, 2, seed + 10 * i));
    expected.push_back(made->results(scene, inputs[i]));
  }
  double differences[2] = {};
  std::exception_ptr failures[2];
  std::barrier both(2);  // every round begins at once
  const auto work = [&](size_t i) {
    try {
      for (int round = 0; round < rounds; ++round) {
        both.arrive_and_wait();
        differences[i] = std::max(differences[i], difference(made->results(scene, inputs[i]), expected[i]));
      }
    } catch (...) {
      failures[i] = std::current_exception();
      both.arrive_and_drop();
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  for (size_t i = 0; i < 2; ++i) {
    if (failures[i]) std::rethrow_exception(failures[i]);
    if (differences[i] > thread_rounding) {
      throw Failed(made->place(scene) + ": with two threads at once a result differs by " + text_of(differences[i]) +
                   " of its largest value from that of one thread alone; objects are used concurrently and must have "
                   "no mutable state");
    }
  }
  return std::to_string(rounds) + " runs on each of two threads";
}

}  // namespace attune::conformance
