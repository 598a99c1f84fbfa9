// How a check ends.
#pragma once

#include <stdexcept>
#include <string>

namespace attune::conformance {

enum class Verdict { passed, failed, crashed, timeout, skipped };

struct Outcome {
  Verdict verdict;
  std::string message;  // one sentence
};

// What checks end with when they do not pass; the sentence says where, what was found and what was expected.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace attune::conformance
