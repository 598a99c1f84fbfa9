// Model files of every kind, and tensors for Python.
#pragma once

#include <filesystem>
#include <string>

#include "model/run/training_model.h"

namespace attune {

// Reads a model's file, whatever its kind; `extra` as in ModelOptions. Throws Error(Fault::input) as open_model() does.
ModelSource read_model(const std::filesystem::path& path, c10::Device device, const NamedTensorList& extra = {});

// Tensors by name as a file that Python's torch.load reads too, and back, on the CPU. The second throws a
// std::exception for other bytes.
std::string pickled(const NamedTensors& tensors);
NamedTensors unpickled(const std::string& bytes);

}  // namespace attune
