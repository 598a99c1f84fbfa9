// The one exception type of attune, and the sentences it carries.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <attune/sdk/export.h>

namespace attune {

// What went wrong, numbered as the exit codes of the command line.
enum class Fault : int {
  check = 1,   // a check was run and failed
  usage = 2,   // flags or arguments that make no sense
  spec = 3,    // a spec, a config, or a component's parameters
  plugin = 4,  // a plugin that was refused
  input = 5,   // a model or an input that could not be read
  run = 6,     // a failure while a model or a component ran
  output = 7,  // a result that could not be written
};

// Thrown across the boundary between host and plugins. The message is one sentence for a person: what was found, where,
// what was expected and the nearest valid choice.
class ATTUNE_SDK_API Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message);
  ~Error() override;

  Fault fault() const noexcept { return fault_; }

 private:
  Fault fault_;
};

// The candidate that `name` was probably meant to be (smallest edit distance, case ignored), or "" when none is near.
ATTUNE_SDK_API std::string nearest(const std::string& name, const std::vector<std::string>& candidates);

// ` (did you mean "x"?)` for the nearest candidate, or "" when none is near: to end a sentence with.
ATTUNE_SDK_API std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace attune
