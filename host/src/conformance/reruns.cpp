// Maps that a matcher computes once more.

#include <ATen/ATen.h>

#include "conformance/checks.h"
#include "conformance/tensors.h"
#include "conformance/values.h"

namespace attune::conformance {

std::string check_reruns(const Subject& subject, uint64_t seed) {
  size_t runs = 0;
  for (const Given& given : variants(subject)) {
    const auto made = attempt("made from " + to_string(given), [&] { return subject.make(given); });
    for (const int rank : subject.ranks()) {
      const Scene scene{rank};
      const Tensors inputs = subject.inputs(scene, 2, seed);
      if (given.empty()) made->results(scene, inputs);  // other values may be refused
      // The instance itself finds undeclared ones. Of two maps, the one that a parameter names may be missing.
      runs += made->results_or_refusal(scene, inputs) ? 1 : 0;
      runs += made->results_or_refusal(scene, {inputs[0], inputs[1], inputs[2]}) ? 1 : 0;
    }
  }
  return std::to_string(runs) + " matches of two and three maps";
}

}  // namespace attune::conformance
