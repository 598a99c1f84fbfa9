#include "data/attempt.h"

#include <new>

#include <attune/sdk/error.h>

namespace attune {

std::string attempt(const std::string& path, const std::function<void()>& action) {
  try {
    action();
    return "";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return path + ": there is not enough memory to decode it";
  } catch (const std::exception& error) {
    // LibTorch's messages go on with a stack trace.
    const std::string text = error.what();
    return path + ": cannot be decoded: " + text.substr(0, text.find('\n'));
  } catch (...) {
    return path + ": cannot be decoded";
  }
}

}  // namespace attune
