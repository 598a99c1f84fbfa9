// The files of torch.export.save (.pt2): a zip with the program as JSON and its tensors as raw storages.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace attune {

struct ExportedArchive {
  nlohmann::json program;                     // an ExportedProgram of torch/_export/serde/schema.py
  std::map<std::string, at::Tensor> tensors;  // parameters, buffers and constants by their attribute paths
};

// Tensors that share a storage in the file share it here. Throws Error(Fault::input) for archives that are damaged,
// hold several programs or compiled code only, or were written in a form that is not known here.
ExportedArchive read_archive(const std::filesystem::path& path, c10::Device device);

// Of the file's own number of a type, which is not LibTorch's. Throws Error(Fault::input) for types that models have no
// operators for.
c10::ScalarType scalar_type(int64_t number);

}  // namespace attune
