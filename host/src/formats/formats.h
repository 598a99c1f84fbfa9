// Model files of every kind, and tensors for Python.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/run/training_model.h"

namespace attune {

// Reads a model's file, whatever its kind. Throws Error(Fault::input) as open_model() does. With device, output and
// extra inputs of the options, to be run; without, with all the inputs that the file's model takes.
ModelSource read_model(const std::filesystem::path& path, c10::Device device);
ModelSource read_model(const std::filesystem::path& path, const ModelOptions& options);

// What a model can be written to beside TorchScript: ".safetensors", with the tensors of its state_dict(), and its own
// format where that can be written.
std::vector<OwnFile> other_files(const ModelSource& source);

// To that path, whose final name is the caller's affair. Throws Error(Fault::output).
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors);

// Tensors by name as a file that Python's torch.load reads too, and back, on the CPU. The second throws a
// std::exception for other bytes.
std::string pickled(const NamedTensors& tensors);
NamedTensors unpickled(const std::string& bytes);

}  // namespace attune
