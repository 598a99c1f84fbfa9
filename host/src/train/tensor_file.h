// Tensors by name, in a file that Python's torch.load reads too.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <map>
#include <string>

namespace attune {

using NamedTensors = std::map<std::string, at::Tensor>;

// The file appears under its name when it is complete and on the disk; what had the name before stays until then.
// Throws Error(Fault::output).
void write_tensors(const std::filesystem::path& file, const NamedTensors& tensors);

// On the CPU. Throws Error(Fault::input).
NamedTensors read_tensors(const std::filesystem::path& file);

}  // namespace attune
