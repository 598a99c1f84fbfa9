// Decoders of other people that write to std::cerr by themselves.
#pragma once

namespace attune {

// While one lives, what its thread writes to std::cerr is dropped; other threads' lines pass. C's stderr is not
// affected. Not for nested use.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

}  // namespace attune
