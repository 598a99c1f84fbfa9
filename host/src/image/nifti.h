// NIfTI-1 files (.nii, .nii.gz): volumes of medical imaging, with the place of every voxel in the body.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

namespace attune {

// The 348 bytes that such a file begins with, in this machine's byte order: shape, spacing, affine.
struct NiftiHeader {
  std::array<char, 348> bytes{};
};

struct NiftiVolume {
  at::Tensor values;  // float32 [C,X,Y,Z], axes in the order of nibabel; C is 1, or the points of time of a series
  NiftiHeader header;
};

// Any type of real numbers, either byte order, intensities scaled as the header says. Throws Error(Fault::input) for a
// file that is missing, cut off, damaged, of another kind, or holds values that are not finite.
NiftiVolume read_nifti(const std::filesystem::path& path);

// A map [X,Y,Z] over the volume with that header, float32; compressed when the name ends with ".gz". A map of fewer
// cells than the volume has voxels covers the same field: it gets the affine of its own cells. Throws
// Error(Fault::output), and Error(Fault::run) for a tensor of another rank.
void write_nifti(const std::filesystem::path& path, const at::Tensor& map, const NiftiHeader& volume);

// Whether a file is called like one.
bool is_nifti(const std::filesystem::path& path);

// The numbers in a header that attune reads and writes.

// Where a number lies, and what it is.
template <class Number>
struct NiftiField {
  size_t offset;

  Number get(const NiftiHeader& header, size_t index = 0) const {
    Number value;
    std::memcpy(&value, header.bytes.data() + offset + index * sizeof value, sizeof value);
    return value;
  }
  void set(NiftiHeader& header, Number value, size_t index = 0) const {
    std::memcpy(header.bytes.data() + offset + index * sizeof value, &value, sizeof value);
  }
};

namespace nifti {

inline constexpr NiftiField<int32_t> header_size{0};  // always 348
inline constexpr NiftiField<int16_t> extents{40};     // how many there are, then each of up to 7
inline constexpr NiftiField<int16_t> type{70};
inline constexpr NiftiField<int16_t> bits{72};
inline constexpr NiftiField<float> spacing{76};  // the first is the handedness of the quaternion's axes
inline constexpr NiftiField<float> data_offset{108};
inline constexpr NiftiField<float> slope{112};
inline constexpr NiftiField<float> intercept{116};
inline constexpr NiftiField<float> shown_range{124};  // greatest and least intensity to show
inline constexpr NiftiField<int16_t> has_quaternion{252};
inline constexpr NiftiField<int16_t> has_affine{254};
inline constexpr NiftiField<float> quaternion{256};  // b, c, d
inline constexpr NiftiField<float> origin{268};      // of the quaternion's affine
inline constexpr NiftiField<float> affine{280};      // three rows of four

}  // namespace nifti

// The header in this machine's byte order, whichever it has; false for what is no NIfTI-1 header.
bool to_native(NiftiHeader& header, bool& swapped);

// X, Y, Z and what is beyond.
std::vector<int64_t> extents_of(const NiftiHeader& header);

// World coordinates (right, front, up, in the file's unit) of a voxel: three rows of factors of X, Y, Z and an offset.
using NiftiAffine = std::array<std::array<double, 4>, 3>;
NiftiAffine affine_of(const NiftiHeader& header);

// The header of float32 values [X,Y,Z] that cover the field of `volume`.
NiftiHeader header_over(const NiftiHeader& volume, const std::array<int64_t, 3>& extents);

}  // namespace attune
