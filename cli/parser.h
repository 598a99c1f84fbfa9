// From arguments to options. Light: nothing that a model needs is loaded for `attune --help`.
#pragma once

#include "options.h"

namespace attune::cli {

// Prints help or what is wrong and returns the exit code when the program is to end here; -1 when a command is to run.
int parse(int argc, char** argv, Options& options);

}  // namespace attune::cli
