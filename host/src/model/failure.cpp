#include "model/failure.h"

#include <c10/util/Exception.h>
#include <new>
#include <sstream>

#include <attune/sdk/error.h>

namespace attune {
namespace {

// An Error whose sentence names the component already.
class ComponentError final : public Error {
 public:
  using Error::Error;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

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

std::string reason_of_current() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "there is not enough memory";
  } catch (const std::exception& error) {
    const std::string reason = reason_of(error);
    return reason.empty() ? "it does not say why" : reason;
  } catch (...) {
    return "something was thrown that is not a std::exception";
  }
}

void rethrow_named(const std::string& component) {
  try {
    throw;
  } catch (const ComponentError&) {
    throw;
  } catch (const Error& error) {
    throw ComponentError(error.fault(), component + ": " + first_line(error.what()));
  } catch (...) {
    throw ComponentError(Fault::run, component + " failed: " + reason_of_current());
  }
}

}  // namespace attune
