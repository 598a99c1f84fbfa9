#include "image/nifti_header.h"

#include <algorithm>
#include <cmath>

namespace attune {
namespace {

constexpr int32_t kNiftiHeaderSize = 348;
constexpr int16_t kFloat32 = 16;
constexpr size_t kNiftiMagic = 344;

// Numbers of one size that lie one after the other.
struct Run {
  size_t offset, size, count;
};
constexpr Run kNumbers[] = {{0, 4, 1},   {32, 4, 1},  {36, 2, 1},  {40, 2, 8},  {56, 4, 3},  {68, 2, 4},  {76, 4, 8},
                            {108, 4, 3}, {120, 2, 1}, {124, 4, 6}, {252, 2, 2}, {256, 4, 6}, {280, 4, 12}};

void swap_bytes(NiftiHeader& header) {
  for (const Run& run : kNumbers) {
    for (size_t i = 0; i < run.count; ++i) {
      char* number = header.bytes.data() + run.offset + i * run.size;
      std::reverse(number, number + run.size);
    }
  }
}

// The centre of cell 0 lies (stretch - 1) / 2 voxels from that of voxel 0.
void stretch_columns(NiftiAffine& rows, const std::array<double, 3>& stretch) {
  for (auto& row : rows) {
    for (size_t axis = 0; axis < 3; ++axis) {
      row[3] += row[axis] * (stretch[axis] - 1) / 2;
      row[axis] *= stretch[axis];
    }
  }
}

NiftiAffine stored_affine(const NiftiHeader& header) {
  NiftiAffine rows{};
  for (size_t i = 0; i < 12; ++i) rows[i / 4][i % 4] = nifti::affine.get(header, i);
  return rows;
}

// What the quaternion and the spacing say.
NiftiAffine quaternion_affine(const NiftiHeader& header) {
  const double b = nifti::quaternion.get(header, 0), c = nifti::quaternion.get(header, 1),
               d = nifti::quaternion.get(header, 2);
  const double a = std::sqrt(std::max(0.0, 1 - b * b - c * c - d * d));
  const double turn[3][3] = {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
                             {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
                             {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
  const double hand = nifti::spacing.get(header, 0) < 0 ? -1 : 1;
  NiftiAffine rows{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t axis = 0; axis < 3; ++axis) {
      rows[i][axis] = turn[i][axis] * nifti::spacing.get(header, axis + 1) * (axis == 2 ? hand : 1);
    }
    rows[i][3] = nifti::origin.get(header, i);
  }
  return rows;
}

}  // namespace

bool to_native(NiftiHeader& header, bool& swapped) {
  swapped = nifti::header_size.get(header) != kNiftiHeaderSize;
  if (swapped) swap_bytes(header);
  const bool is_single_file = std::memcmp(header.bytes.data() + kNiftiMagic, "n+1", 4) == 0;
  return nifti::header_size.get(header) == kNiftiHeaderSize && is_single_file;
}

std::vector<int64_t> extents_of(const NiftiHeader& header) {
  const int16_t count = nifti::extents.get(header, 0);
  std::vector<int64_t> extents;
  for (int16_t i = 1; i <= std::clamp<int16_t>(count, 0, 7); ++i) {
    extents.push_back(nifti::extents.get(header, static_cast<size_t>(i)));
  }
  return extents;
}

NiftiAffine affine_of(const NiftiHeader& header) {
  return nifti::has_affine.get(header) > 0 ? stored_affine(header) : quaternion_affine(header);
}

NiftiHeader header_over(const NiftiHeader& volume, const std::array<int64_t, 3>& extents) {
  NiftiHeader header = volume;
  std::array<double, 3> stretch{1, 1, 1};
  const std::vector<int64_t> voxels = extents_of(volume);
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t count = axis < voxels.size() ? voxels[axis] : 1;
    stretch[axis] = static_cast<double>(count) / static_cast<double>(extents[axis]);
    nifti::extents.set(header, static_cast<int16_t>(extents[axis]), axis + 1);
    nifti::spacing.set(header, static_cast<float>(nifti::spacing.get(volume, axis + 1) * stretch[axis]), axis + 1);
  }
  nifti::extents.set(header, 3, 0);
  for (size_t axis = 4; axis <= 7; ++axis) nifti::extents.set(header, 1, axis);
  NiftiAffine stored = stored_affine(volume), turned = quaternion_affine(volume);
  stretch_columns(stored, stretch);
  stretch_columns(turned, stretch);
  for (size_t i = 0; i < 12; ++i) nifti::affine.set(header, static_cast<float>(stored[i / 4][i % 4]), i);
  for (size_t i = 0; i < 3; ++i) nifti::origin.set(header, static_cast<float>(turned[i][3]), i);
  nifti::type.set(header, kFloat32);
  nifti::bits.set(header, 32);
  nifti::data_offset.set(header, kNiftiHeaderSize + 4);
  nifti::slope.set(header, 1);
  nifti::intercept.set(header, 0);
  nifti::shown_range.set(header, 0, 0);
  nifti::shown_range.set(header, 0, 1);
  return header;
}

}  // namespace attune
