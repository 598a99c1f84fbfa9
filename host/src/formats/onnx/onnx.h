// ONNX files.
#pragma once

#include "formats/formats.h"

namespace attune {

// Whether the file's bytes are an ONNX model as far as they go. Files of other kinds are told apart by their
// beginnings.
bool is_onnx(const std::filesystem::path& path);

// Throws Error(Fault::input) for damaged files, for operators that are not known here, and for what cannot be
// differentiated.
ModelSource read_onnx(const std::filesystem::path& path, c10::Device device);

}  // namespace attune
