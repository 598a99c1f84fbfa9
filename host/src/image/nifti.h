// NIfTI-1 files (.nii, .nii.gz): volumes of medical imaging, with the place of every voxel in the body.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>
#include <filesystem>

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

}  // namespace attune
