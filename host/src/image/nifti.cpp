#include "image/nifti.h"

#include <ATen/ops/isfinite.h>
#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <string>
#include <zlib.h>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/input_file.h"
#include "image/nifti_header.h"
#include "image/output_file.h"

namespace attune {
namespace {

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

std::string compressed(const std::string& bytes) {
  z_stream stream{};
  constexpr int gzip = 15 + 16;  // window of 32 kB, and the header of .gz
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string result(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  const int code = deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw Error(Fault::output, "a volume cannot be compressed");
  return result;
}

}  // namespace

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
  write_file(path, path.extension() == ".gz" ? compressed(bytes) : bytes);
}

}  // namespace attune
