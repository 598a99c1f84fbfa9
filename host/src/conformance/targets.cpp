// Methods that compute all targets at once.

#include <algorithm>

#include "conformance/checks.h"
#include "conformance/tensors.h"

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

}  // namespace attune::conformance
