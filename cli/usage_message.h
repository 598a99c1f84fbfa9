// What is said of arguments that make no sense.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace attune::cli {

// One line: what is wrong, the flag or command that may have been meant, and whose help tells more. An unknown flag
// comes first: what else is missing may be what it was to give.
std::string usage_message(const CLI::App* app, const CLI::Error& error);

}  // namespace attune::cli
