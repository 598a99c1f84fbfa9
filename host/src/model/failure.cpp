#include "model/failure.h"

#include <c10/util/Exception.h>
#include <sstream>

namespace attune {

std::string reason_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::istringstream text(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
  std::string first;
  std::string raised;
  for (std::string line; std::getline(text, line);) {
    if (line.compare(0, 16, "Exception raised") == 0) break;
    if (line.find_first_not_of(" ~<-.") == std::string::npos) continue;
    if (first.empty()) first = line;
    for (const char* prefix : {"RuntimeError: ", "torch.jit.Error: ", "builtins.", "AssertionError: ", "Error: "}) {
      const auto at = line.find(prefix);
      if (at == 0 && raised.empty()) raised = line.substr(line.find(": ") + 2);
    }
  }
  return raised.empty() ? first : raised;
}

}  // namespace attune
