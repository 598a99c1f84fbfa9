// What the sources of this room say things with.
#pragma once

#include <string>

#include <attune/sdk/error.h>

namespace attune {

// Refuses a plugin.
[[noreturn]] inline void refuse(const std::string& reason) { throw Error(Fault::plugin, reason); }

inline std::string quoted(const std::string& text) { return '"' + text + '"'; }

}  // namespace attune
