// NumPy's array files: float32, little endian, C order, format versions 1 to 3.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace attune {

// A .npy file whose header was read and checked; values are read when asked for, so that a large batch need not be in
// memory at once.
class NpyFile {
 public:
  // Throws Error(Fault::input) that says what was found: another type or byte order, Fortran order, a damaged header, a
  // size that does not fit the shape.
  // `any`: floating types, integers, bytes and booleans are taken too, and kept.
  explicit NpyFile(const std::filesystem::path& path, bool any = false);

  const std::vector<int64_t>& shape() const { return shape_; }

  // Everything. Throws Error(Fault::input) when the file cannot be read or a value is not finite ("first NaN
  // at index [0, 3, 7]").
  at::Tensor read() const;
  // The entry at index `row` of the first axis, without that axis; likewise.
  at::Tensor read_row(int64_t row) const;

 private:
  at::Tensor read(int64_t first, const std::vector<int64_t>& shape, const std::vector<int64_t>& prefix) const;

  std::filesystem::path path_;
  std::vector<int64_t> shape_;
  at::ScalarType type_ = at::kFloat;
  int64_t data_offset_ = 0;  // in bytes
};

// NpyFile(path).read()
at::Tensor read_npy(const std::filesystem::path& path);

// Any tensor, as float32. Throws Error(Fault::output).
void write_npy(const std::filesystem::path& path, const at::Tensor& tensor);

// Magic, version 1.0 and the header of a float32 array, padded as NumPy pads it.
std::string make_npy_header(const std::vector<int64_t>& shape);

}  // namespace attune
