// TorchScript files.
#pragma once

#include <filesystem>
#include <torch/csrc/jit/api/module.h>

namespace attune {

// Throws Error(Fault::input) for anything that is no whole TorchScript file: missing, empty, truncated, a state dict or
// a pickled Python model (the sentence says how to export), something else altogether.
torch::jit::Module load_archive(const std::filesystem::path& path, c10::Device device);

}  // namespace attune
