// What comes out of a component that is given what it cannot work with.

#include "conformance/checks.h"

namespace attune::conformance {

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
