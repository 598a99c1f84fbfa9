// One object used by two threads at once.

#include <ATen/ATen.h>
#include <algorithm>
#include <barrier>
#include <exception>
#include <thread>

#include "conformance/checks.h"
#include "conformance/tensors.h"

namespace attune::conformance {
namespace {

constexpr int rounds = 12;
constexpr double thread_rounding = 1e-9;  // relative to the largest magnitude

}  // namespace

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
