#include "image/input_file.h"

#include <ATen/ops/empty.h>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <attune/sdk/error.h>

namespace attune {

void refuse_input(const std::filesystem::path& path, const std::string& what) {
  throw Error(Fault::input, path.string() + ": " + what);
}

void refuse_as_too_large(const std::filesystem::path& path, const std::string& what) {
  refuse_input(path, what + " is too large for the memory of this machine");
}

at::Tensor allocated(const std::filesystem::path& path, const std::string& what, at::IntArrayRef shape,
                     at::ScalarType type) {
  try {
    return at::empty(shape, type);
  } catch (const std::exception&) {
    refuse_as_too_large(path, what);
  }
}

uint64_t number_in(std::string_view bytes, bool big_endian) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[big_endian ? i : bytes.size() - 1 - i]);
  }
  return value;
}

std::uintmax_t input_size(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error || !std::filesystem::exists(status)) {
    const std::string reason = error ? error.message() : std::strerror(ENOENT);
    refuse_input(path, "cannot be read: " + reason);
  }
  if (std::filesystem::is_directory(status)) refuse_input(path, "is a folder, not a file");
  if (!std::filesystem::is_regular_file(status)) refuse_input(path, "is not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse_input(path, "cannot be read: " + error.message());
  if (size == 0) refuse_input(path, "the file is empty");
  return size;
}

std::string read_input(const std::filesystem::path& path) {
  std::string bytes(input_size(path), '\0');
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    const std::string reason = errno ? std::strerror(errno) : "it became shorter while it was read";
    refuse_input(path, "cannot be read: " + reason);
  }
  return bytes;
}

}  // namespace attune
