#include "image/nifti.h"

#include <ATen/ops/isfinite.h>
#include <cerrno>
#include <cmath>
#include <memory>
#include <zlib.h>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/input_file.h"
#include "image/output_file.h"

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

// A file that may be compressed; zlib tells by itself.
class Source {
 public:
  explicit Source(const std::filesystem::path& path) : path_(path), file_(gzopen(path.c_str(), "rb"), gzclose) {
    if (!file_) refuse_input(path, "cannot be read");
  }

  void read(char* bytes, int64_t size) {
    constexpr int64_t most = 1 << 30;
    while (size > 0) {
      const int found = gzread(file_.get(), bytes, static_cast<unsigned>(std::min(size, most)));
      if (found <= 0) fail_short();
      bytes += found;
      size -= found;
    }
  }

  // What is not there is missed by the next read.
  void seek(int64_t offset) { gzseek(file_.get(), offset, SEEK_SET); }

  // A compressed file has a checksum at its end, which only reading up to there looks at.
  void finish() {
    char byte = 0;
    if (gzread(file_.get(), &byte, 1) < 0) fail_short();
  }

 private:
  [[noreturn]] void fail_short() {
    int code = Z_OK;
    gzerror(file_.get(), &code);
    if (code == Z_DATA_ERROR) refuse_input(path_, "the volume is damaged: the compressed data are broken");
    refuse_input(path_, "the volume is cut off: the end of the file is missing");
  }

  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

template <class Number>
void convert(Source& source, bool swapped, at::Tensor& values) {
  constexpr int64_t chunk = 1 << 16;
  std::string bytes(static_cast<size_t>(chunk) * sizeof(Number), '\0');
  float* out = values.data_ptr<float>();
  for (int64_t left = values.numel(); left > 0; left -= chunk) {
    const int64_t count = std::min(left, chunk);
    source.read(bytes.data(), count * static_cast<int64_t>(sizeof(Number)));
    for (int64_t i = 0; i < count; ++i) {
      char* at = bytes.data() + static_cast<size_t>(i) * sizeof(Number);
      if (swapped) std::reverse(at, at + sizeof(Number));
      Number value;
      std::memcpy(&value, at, sizeof value);
      *out++ = static_cast<float>(value);
    }
  }
}

using Converter = void (*)(Source&, bool, at::Tensor&);

// By the numbers that the format gives its types; nothing for colours and complex numbers.
Converter converter_for(int16_t type) {
  constexpr std::pair<int16_t, Converter> all[] = {
      {2, convert<uint8_t>},    {4, convert<int16_t>},    {8, convert<int32_t>},    {16, convert<float>},
      {64, convert<double>},    {256, convert<int8_t>},   {512, convert<uint16_t>}, {768, convert<uint32_t>},
      {1024, convert<int64_t>}, {1280, convert<uint64_t>}};
  for (const auto& [number, converter] : all) {
    if (number == type) return converter;
  }
  return nullptr;
}

NiftiHeader read_header(const std::filesystem::path& path, Source& source, bool& swapped) {
  NiftiHeader header;
  source.read(header.bytes.data(), static_cast<int64_t>(header.bytes.size()));
  const int32_t size = nifti::header_size.get(header);
  if (size == 540 || size == 0x1c020000) refuse_input(path, "is a NIfTI-2 file; save it as NIfTI-1");
  if (!to_native(header, swapped)) {
    refuse_input(path, "is not a NIfTI-1 file with its values in it (.nii or .nii.gz)");
  }
  return header;
}

// [T,Z,Y,X], as the values lie in the file.
std::vector<int64_t> stored_shape(const std::filesystem::path& path, const NiftiHeader& header) {
  std::vector<int64_t> extents = extents_of(header);
  while (extents.size() > 4 && extents.back() == 1) extents.pop_back();
  const bool is_positive = std::all_of(extents.begin(), extents.end(), [](int64_t extent) { return extent > 0; });
  if (extents.size() < 2 || extents.size() > 4 || !is_positive) {
    refuse_input(path,
                 "has the shape " + shape_text(extents) + "; a volume [X,Y,Z], or several as [X,Y,Z,T], is expected");
  }
  extents.resize(4, 1);
  std::reverse(extents.begin(), extents.end());
  return extents;
}

// Scales intensities as the header says; a slope of 0 means that it says nothing.
void finish_values(const std::filesystem::path& path, const NiftiHeader& header, at::Tensor& values) {
  const float slope = nifti::slope.get(header), intercept = nifti::intercept.get(header);
  if (slope != 0 && std::isfinite(slope) && std::isfinite(intercept)) values.mul_(slope).add_(intercept);
  if (!at::isfinite(values).all().item<bool>()) {
    refuse_input(path, "holds values that are not finite (NaN or infinity)");
  }
}

void write_compressed(const std::filesystem::path& path, const std::string& bytes) {
  OutputFile file(path);
  const gzFile stream = gzopen(file.temporary().c_str(), "wb");
  const bool is_written = gzwrite(stream, bytes.data(), static_cast<unsigned>(bytes.size())) > 0;
  if (gzclose(stream) != Z_OK || !is_written) {
    throw Error(Fault::output, path.string() + ": cannot be written: " + std::strerror(errno));
  }
  file.commit();
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

bool is_nifti(const std::filesystem::path& path) {
  const std::string name = in_lower_case(path.filename().string());
  return name.ends_with(".nii") || name.ends_with(".nii.gz");
}

NiftiVolume read_nifti(const std::filesystem::path& path) {
  input_size(path);
  Source source(path);
  bool swapped = false;
  NiftiVolume volume;
  volume.header = read_header(path, source, swapped);
  const std::vector<int64_t> shape = stored_shape(path, volume.header);
  const Converter convert_all = converter_for(nifti::type.get(volume.header));
  if (convert_all == nullptr) {
    refuse_input(path, "holds values of NIfTI's type " + std::to_string(nifti::type.get(volume.header)) +
                           "; integers, float32 or float64 are expected");
  }
  const float offset = nifti::data_offset.get(volume.header);
  constexpr float header_size = 348, longest = 1 << 24;
  if (!(offset >= header_size && offset <= longest)) refuse_input(path, "the NIfTI header is damaged");
  source.seek(static_cast<int64_t>(offset));
  at::Tensor values = allocated(path, "the volume " + shape_text(shape), shape, at::kFloat);
  convert_all(source, swapped, values);
  source.finish();
  finish_values(path, volume.header, values);
  volume.values = values.permute({0, 3, 2, 1}).contiguous();
  return volume;
}

void write_nifti(const std::filesystem::path& path, const at::Tensor& map, const NiftiHeader& volume) {
  if (map.dim() != 3) throw Error(Fault::run, "a map of " + std::to_string(map.dim()) + " axes is no volume");
  const at::Tensor values = map.detach().to(at::kCPU, at::kFloat).permute({2, 1, 0}).contiguous();
  const NiftiHeader header = header_over(volume, {map.size(0), map.size(1), map.size(2)});
  std::string bytes(header.bytes.data(), header.bytes.size());
  bytes.append(4, '\0');  // no extensions
  bytes.append(static_cast<const char*>(values.data_ptr()), static_cast<size_t>(values.numel()) * sizeof(float));
  path.extension() == ".gz" ? write_compressed(path, bytes) : write_file(path, bytes);
}

}  // namespace attune
