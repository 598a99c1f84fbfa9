// The header of a .npy file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <string>
#include <vector>

#include "base/shape_text.h"

namespace attune {

struct NpyHeader {
  std::string type;  // NumPy's "descr": "<f4"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // in bytes, from the beginning of the file
};

// Throws Error(Fault::input) for what is no .npy file, a format version other than 1 to 3, or a damaged header. `path`
// is for the message.
NpyHeader read_npy_header(std::istream& stream, const std::filesystem::path& path);

// Magic, version 1.0 and the header of a float32 array, padded as NumPy pads it.
std::string make_npy_header(const std::vector<int64_t>& shape);

}  // namespace attune
