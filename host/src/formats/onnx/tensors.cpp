// The tensors of an ONNX model, where they lie: in its messages, element by element, or in files beside it.
#include <ATen/Functions.h>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "formats/onnx/message.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_tensor(const OnnxTensor& tensor, const std::string& reason) {
  throw Error(Fault::input, "is damaged: '" + tensor.name + "' " + reason);
}

int64_t bytes_of(const OnnxTensor& tensor, int64_t width) {
  int64_t bytes = width;
  for (const int64_t size : tensor.sizes) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) refuse_tensor(tensor, "has absurd sizes");
  }
  if (tensor.sizes.size() > most_sizes) refuse_tensor(tensor, "has absurd sizes");
  return bytes;
}

int64_t number_at(const OnnxTensor& tensor, const std::string& key, int64_t otherwise) {
  const auto found = tensor.places.find(key);
  if (found == tensor.places.end()) return otherwise;
  const std::string& digits = found->second;
  const bool is_number =
      !digits.empty() && digits.size() < 19 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) refuse_tensor(tensor, "has the " + key + " '" + digits.substr(0, 40) + "' in another file");
  return std::stoll(digits);
}

// Only the model's own folder is read, whatever a file says.
fs::path external_file(const OnnxTensor& tensor, const fs::path& folder) {
  const auto found = tensor.places.find("location");
  const fs::path name = found == tensor.places.end() ? "" : found->second;
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder.empty() ? "." : folder, error);
  const fs::path file = fs::weakly_canonical(root / name, error);
  const auto inside = file.lexically_relative(root);
  if (name.empty() || name.is_absolute() || error || inside.empty() || *inside.begin() == ".." || inside == ".") {
    throw Error(Fault::input,
                "keeps '" + tensor.name + "' in '" + name.string() + "', which does not lie in the model's folder");
  }
  if (!fs::is_regular_file(file, error)) {
    throw Error(Fault::input, "keeps '" + tensor.name + "' in '" + name.string() + "', which is not beside it");
  }
  return file;
}

std::pair<FileBytes, std::string_view> external_bytes(const OnnxTensor& tensor, const fs::path& folder, int64_t bytes) {
  const auto [file, size] = map_file(external_file(tensor, folder));
  const int64_t offset = number_at(tensor, "offset", 0), length = number_at(tensor, "length", bytes);
  const auto whole = static_cast<int64_t>(size);
  if (length != bytes || offset > whole || bytes > whole - offset) {
    refuse_tensor(tensor, "reaches beyond its file of " + std::to_string(whole) + " bytes");
  }
  return {file, {file.get() + offset, static_cast<size_t>(bytes)}};
}

// A view of the bytes where they are aligned, else a copy.
at::Tensor view_of(const std::string_view bytes, const FileBytes& owner, const OnnxTensor& tensor,
                   c10::ScalarType type) {
  auto* const data = const_cast<char*>(bytes.data());
  const bool is_aligned = reinterpret_cast<uintptr_t>(data) % c10::elementSize(type) == 0;
  if (is_aligned && !bytes.empty())
    return at::from_blob(
        data, tensor.sizes, [owner](void*) {}, type);
  at::Tensor copy = at::empty(tensor.sizes, type);
  if (!bytes.empty()) std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
  return copy;
}

// Elements that stand in the message one by one. Those of half precision are bits.
at::Tensor listed(const OnnxTensor& tensor, c10::ScalarType type, int64_t count) {
  const bool is_half = type == c10::kHalf || type == c10::kBFloat16;
  const auto given = static_cast<int64_t>(tensor.integers.size() + tensor.numbers.size());
  if (given != count || (!tensor.integers.empty() && !tensor.numbers.empty())) {
    refuse_tensor(tensor, "has " + std::to_string(given) + " elements, expected " + std::to_string(count));
  }
  const at::Tensor values =
      tensor.numbers.empty() ? at::tensor(tensor.integers, c10::kLong) : at::tensor(tensor.numbers, c10::kDouble);
  return (is_half ? values.to(c10::kShort).view(type) : values.to(type)).reshape(tensor.sizes);
}

}  // namespace

std::pair<FileBytes, size_t> map_file(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  void* data = MAP_FAILED;
  const bool is_open = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = static_cast<size_t>(is_open ? status.st_size : 0);
  if (size > 0) data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  if (file >= 0) close(file);
  if (data == MAP_FAILED) throw Error(Fault::input, "cannot be read: '" + path.string() + "'");
  return {FileBytes(static_cast<char*>(data), [size](char* bytes) { munmap(bytes, size); }), size};
}

c10::ScalarType onnx_scalar_type(int64_t type, const std::string& name) {
  static const std::map<int64_t, c10::ScalarType> types{
      {1, c10::kFloat}, {2, c10::kByte}, {3, c10::kChar},  {5, c10::kShort},   {6, c10::kInt},
      {7, c10::kLong},  {9, c10::kBool}, {10, c10::kHalf}, {11, c10::kDouble}, {16, c10::kBFloat16}};
  const auto found = types.find(type);
  if (found != types.end()) return found->second;
  throw Error(Fault::input, "holds '" + name + "' of ONNX's type " + std::to_string(type) +
                                ", expected floating-point, integer or boolean elements");
}

at::Tensor tensor_of(const OnnxTensor& tensor, const FileBytes& bytes, const fs::path& folder) {
  const c10::ScalarType type = onnx_scalar_type(tensor.type, tensor.name);
  const auto width = static_cast<int64_t>(c10::elementSize(type));
  const int64_t size = bytes_of(tensor, width);
  if (tensor.is_external) {
    const auto [file, range] = external_bytes(tensor, folder, size);
    return view_of(range, file, tensor, type);
  }
  if (!tensor.raw) return listed(tensor, type, size / width);
  if (static_cast<int64_t>(tensor.raw->size()) != size) {
    refuse_tensor(tensor, "has " + std::to_string(tensor.raw->size()) + " bytes, expected " + std::to_string(size));
  }
  return view_of(*tensor.raw, bytes, tensor, type);
}

}  // namespace attune
