// The part of `attune check` that runs in processes of its own: all that touches a plugin.
#pragma once

#include <string>

#include "options.h"

namespace attune::cli {

// What `--child` says besides the id of a check: look at the plugin and say what it registers.
inline const std::string inspect_plugin = "inspect";

// Whether `target` names a file and not a component.
bool names_file(const std::string& target);

// Loads the plugin, runs one check, and reports to the parent.
int check_child(const CheckOptions& options);

}  // namespace attune::cli
