#include "model/failure.h"

#include <c10/util/Exception.h>
#include <new>
#include <sstream>
#include <torch/version.h>

namespace attune {
namespace {

// An Error whose sentence names the component already.
class ComponentError final : public Error {
 public:
  using Error::Error;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

constexpr size_t longest_reason = 300;  // in bytes

bool begins(const std::string& text, const std::string& prefix) { return text.compare(0, prefix.size(), prefix) == 0; }

// What stands between two marks, or "".
std::string between(const std::string& text, const std::string& left, const std::string& right) {
  const size_t begin = text.find(left);
  if (begin == std::string::npos) return "";
  const size_t end = text.find(right, begin + left.size());
  return end == std::string::npos ? "" : text.substr(begin + left.size(), end - begin - left.size());
}

// "RuntimeError: builtins.ValueError: bad size" -> "bad size"
std::string without_class(std::string line) {
  for (bool found = true; found;) {
    found = false;
    for (const char* prefix : {"RuntimeError: ", "torch.jit.Error: ", "builtins.", "AssertionError: ", "Error: "}) {
      if (!begins(line, prefix) || line.find(": ") == std::string::npos) continue;
      line = line.substr(line.find(": ") + 2);
      found = true;
    }
  }
  return line;
}

// The first line that says something; of an error inside TorchScript code the one behind its traceback.
std::string telling_line(const std::string& text) {
  std::istringstream lines(text);
  std::string first;
  for (std::string line; std::getline(lines, line);) {
    if (begins(line, "Exception raised")) break;
    const bool is_frame = begins(line, "The following operation failed") || begins(line, "Traceback of TorchScript") ||
                          begins(line, "  File ") || line.find_first_not_of(" ~<-.") == std::string::npos;
    if (is_frame) continue;
    if (without_class(line) != line) return without_class(line);
    if (first.empty()) first = line;
  }
  return first;
}

std::string type_name(const std::string& type) { return type == "Half" ? "float16 (half)" : "bfloat16"; }

// LibTorch's words for what models run into most, shorter.
std::string meaning_of(const std::string& line) {
  const std::string advice = "please report a bug to PyTorch. ";
  if (const size_t at = line.find(advice); at != std::string::npos) return line.substr(at + advice.size());
  const std::string op = between(line, "Could not run '", "'"), backend = between(line, "arguments from the '", "'");
  if (!op.empty() && !backend.empty()) {
    return "the operator " + op + " cannot run on " + backend +
           " here; export the model with all of its tensors on the processor (`model.cpu()`)";
  }
  if (line.find("Cannot initialize CUDA") != std::string::npos || begins(line, "Torch not compiled with CUDA")) {
    return "it needs CUDA, which this LibTorch lacks; export the model on the processor (`model.cpu()`)";
  }
  if (is_overwriting(line)) {
    return "the model overwrites a tensor that its own gradient needs (with `y[...] = ...`, `y += ...` or the like); "
           "let "
           "it write into a copy, y.clone()";
  }
  if (const std::string underived = operator_without_derivative(line); !underived.empty()) {
    return "it uses " + underived + ", for which LibTorch has no gradient; export the model with another operator";
  }
  for (const std::string type : {"Half", "BFloat16"}) {
    if (line.find("not implemented for '" + type + "'") == std::string::npos) continue;
    return "LibTorch " + torch_version() + " does not compute " + between(line, "\"", "\"") + " in " + type_name(type) +
           " on this device; export the model in float32 (`model.float()`)";
  }
  if (begins(line, "Unknown builtin op: ")) {
    const std::string name = line.substr(20, line.find_last_not_of(" .") - 19);
    return "it uses the operator " + name + ", which LibTorch " + torch_version() +
           " does not have; export it with an older PyTorch, or use an attune that runs with a newer one";
  }
  return line;
}

// The length of the character that begins at `at`; 0 when it is no UTF-8, or controls a terminal.
size_t printable_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = byte(at);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return 0;
  }
  if (lead == 0xc2 && byte(at + 1) < 0xa0) return 0;
  const unsigned second = byte(at + 1);
  const bool is_overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool is_beyond = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);
  return is_overlong || is_beyond ? 0 : length;
}

}  // namespace

std::string printable(const std::string& text) {
  const std::string digits = "0123456789abcdef";
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = printable_length(text, at);
    if (length == 0) {
      const auto byte = static_cast<unsigned char>(text[at]);
      result += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
    }
    result += text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return result;
}

std::string torch_version() { return TORCH_VERSION; }

bool is_overwriting(const std::string& text) {
  return text.find("modified by an inplace operation") != std::string::npos ||
         text.find("is being modified inplace") != std::string::npos;
}

std::string operator_without_derivative(const std::string& text) {
  std::string name = between(text, "derivative for ", " is not implemented");
  for (const char* part : {"aten::", "'", "'", "_backward"}) {
    const size_t at = name.find(part);
    if (at != std::string::npos) name.erase(at, std::string(part).size());
  }
  return !name.empty() && name[0] == '_' ? name.substr(1) : name;
}

std::string reason_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const char* text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  const std::string reason = meaning_of(telling_line(text));
  if (reason.size() <= longest_reason) return printable(reason);
  size_t end = longest_reason;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0U) == 0x80U) --end;  // not within a character
  return printable(reason.substr(0, end)) + "...";
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
