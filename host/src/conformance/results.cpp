// Results: their form, batches, floating types, several targets, whether equal inputs give equal ones, maps that a
// matcher computes once more, and what comes out of a component that is given what it cannot work with.
#include <ATen/ATen.h>
#include <algorithm>

#include "conformance/checks.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

constexpr double target_rounding = 1e-9;  // relative to the largest magnitude

}  // namespace

std::string check_targets(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    const Scene scene{rank};
    const Tensors inputs = subject.inputs(scene, 3, seed);
    const at::Tensor targets[] = {inputs[1], inputs[1].flip(0)};
    const Tensors together = made->results(scene, {inputs[0], targets[0], targets[1]});
    for (size_t i = 0; i < 2; ++i) {
      const double apart = difference({together[i]}, made->results(scene, {inputs[0], targets[i]}));
      if (apart > target_rounding) {
        throw Failed(made->place(scene) + ": the map of target " + std::to_string(i) + " of two differs by " +
                     text_of(apart) + " of its largest value from that of the target alone");
      }
    }
  }
  return "two targets";
}

namespace {

constexpr double rounding = 1e-6;          // in float64, relative to the largest magnitude of the result
constexpr double float32_rounding = 2e-3;  // of a float32 result, many passes included

std::string ranks_of(const Subject& subject) {
  std::string text;
  const auto ranks = subject.ranks();
  for (const int rank : ranks) text += (text.empty() ? "" : ", ") + std::to_string(rank);
  return (ranks.size() == 1 ? "rank " : "ranks ") + text;
}

void expect_near(const Tensors& found, const Tensors& expected, double tolerance, const std::string& what) {
  const double off = difference(found, expected);
  if (off <= tolerance) return;
  throw Failed(what + "; the difference is " + text_of(off) + " of the largest value, at most " + text_of(tolerance) +
               " was expected");
}

// Both from the global generator of LibTorch in different states.
std::pair<Tensors, Tensors> twice(const Instance& made, const Scene& first, const Scene& second,
                                  const Tensors& inputs) {
  at::manual_seed(1);
  Tensors once = made.results(first, inputs);
  at::manual_seed(2);
  return {std::move(once), made.results(second, inputs)};
}

bool equal(const std::pair<Tensors, Tensors>& results) {
  if (results.first.size() != results.second.size()) return false;
  for (size_t i = 0; i < results.first.size(); ++i) {
    if (!same(results.first[i].detach(), results.second[i].detach())) return false;
  }
  return true;
}

}  // namespace

std::string check_shapes(const Subject& subject, uint64_t seed) {
  const auto made = attempt("made from its defaults", [&] { return subject.make(); });
  for (const int rank : subject.ranks()) {
    for (const int64_t samples : {1, 3}) {
      const Scene scene{rank, at::kFloat};
      made->results(scene, subject.inputs(scene, samples, seed));
    }
  }
  return ranks_of(subject) + ", for one sample and for three";
}

std::string check_batch(const Subject& subject, uint64_t seed) {
  constexpr int64_t samples = 3;
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    const Scene scene{rank};
    const Tensors inputs = subject.inputs(scene, samples, seed);
    const Tensors batch = made->results(scene, inputs);
    for (int64_t i = 0; i < samples; ++i) {
      expect_near(rows(batch, i, 1), made->results(scene, rows(inputs, i, 1)), rounding,
                  made->place(scene) + ": sample " + std::to_string(i) +
                      " of a batch of three differs from the same "
                      "sample alone, so samples mix or each draws its own randomness");
    }
  }
  return ranks_of(subject);
}

std::string check_types(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    Scene scene;
    scene.rank = rank;
    scene.smooth = subject.has_smooth_model();
    const Tensors wide = made->results(scene, subject.inputs(scene, 2, seed));
    scene.dtype = at::kFloat;
    const Tensors narrow = made->results(scene, subject.inputs(scene, 2, seed));
    for (const auto& [results, type] : {std::pair(wide, at::kDouble), std::pair(narrow, at::kFloat)}) {
      for (const at::Tensor& result : results) {
        if (result.scalar_type() == type) continue;
        scene.dtype = type;
        throw Failed(made->place(scene) + ": the result has the type " + at::toString(result.scalar_type()) +
                     ", not that of the inputs");
      }
    }
    if (!subject.descriptor().deterministic) continue;  // other types, other random numbers
    expect_near(narrow, wide, float32_rounding, made->place(scene) + ": the result differs from that in float64");
  }
  return ranks_of(subject);
}

std::string check_determinism(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  Scene scene{subject.usual_rank(), at::kFloat}, other = scene;
  const Tensors inputs = subject.inputs(scene, 2, seed);
  if (!equal(twice(*made, scene, scene, inputs))) {
    throw Failed(made->place(scene) +
                 ": two runs on equal inputs give different results; draw random numbers from "
                 "Pass::generator() alone and keep nothing between runs");
  }
  if (!subject.descriptor().deterministic) return "equal results for equal seeds of the pass's generator";
  other.generator = scene.generator + 1;
  if (!equal(twice(*made, scene, other, inputs))) {
    throw Failed(made->place(scene) +
                 ": it is declared deterministic, but the result depends on the pass's generator; "
                 "set Descriptor::deterministic to false");
  }
  if (!equal({made->results(scene, inputs), subject.make_quick()->results(scene, inputs)})) {
    throw Failed(made->place(scene) + ": two objects made from the same parameters give different results");
  }
  return "equal results, run after run";
}

std::string check_reruns(const Subject& subject, uint64_t seed) {
  size_t runs = 0;
  for (const Given& given : variants(subject)) {
    const auto made = attempt("made from " + to_string(given), [&] { return subject.make(given); });
    for (const int rank : subject.ranks()) {
      const Scene scene{rank};
      const Tensors inputs = subject.inputs(scene, 2, seed);
      if (given.empty()) made->results(scene, inputs);  // other values may be refused
      // The instance itself finds undeclared ones. Of two maps, the one that a parameter names may be missing.
      for (const Tensors& some : {inputs, Tensors{inputs[0], inputs[1], inputs[2]}}) {
        runs += made->unless_refused(made->place(scene), scene, copies(some)) ? 1 : 0;
      }
    }
  }
  return std::to_string(runs) + " matches of two and three maps";
}

std::string check_exceptions(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  size_t thrown = 0;
  const auto mistakes = subject.mistakes(seed);
  for (const auto& [what, run] : mistakes) {
    try {
      run(*made);
    } catch (const std::exception&) {
      ++thrown;
    } catch (...) {
      throw Failed("given " + what + ", it threw something that is no std::exception; throw attune::Error");
    }
  }
  return std::to_string(mistakes.size()) + " mistakes, " + std::to_string(thrown) + " answered by an exception";
}

}  // namespace attune::conformance
