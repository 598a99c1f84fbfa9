// Programs of torch.export: what torch.export.save writes (.pt2).
#pragma once

#include "formats/formats.h"

namespace attune {

// Whether a zip is such a file, whole or not.
bool is_exported(const std::filesystem::path& path);

// Throws Error(Fault::input) for damaged files, for programs with operators that this LibTorch lacks, and for what
// cannot be differentiated.
ModelSource read_exported(const std::filesystem::path& path, c10::Device device);

}  // namespace attune
