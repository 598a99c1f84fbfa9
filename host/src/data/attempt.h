// Things that may go wrong with one file among many.
#pragma once

#include <functional>
#include <string>

namespace attune {

// Does it, and says in one sentence why that failed, beginning with the file's path; "" when it did not. Never throws.
std::string attempt(const std::string& path, const std::function<void()>& action);

}  // namespace attune
