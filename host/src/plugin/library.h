// Loads the libraries of plugins, for good.
#pragma once

#include <filesystem>

#include <attune/sdk/abi.h>

namespace attune {

// Loads the library, whose static constructors run, and finds its entry. It is never unloaded: autograd graphs point
// into it. Throws Error(Fault::plugin) with the dynamic loader's own words.
const PluginEntry& load_library(const std::filesystem::path& file);

}  // namespace attune
