// ONNX files.
#pragma once

#include "formats/formats.h"

namespace attune {

// Nothing for a file that is no ONNX model, unless its name says that it is one: other kinds are told apart by their
// beginnings, these have none. `output`: as in ModelOptions. Throws Error(Fault::input) for damaged files, for
// operators that are not known here, and for what cannot be differentiated.
std::optional<ModelSource> read_onnx(const std::filesystem::path& path, c10::Device device, const std::string& output);

}  // namespace attune
