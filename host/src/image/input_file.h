// Files that users hand in.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <string>
#include <string_view>

namespace attune {

// The size in bytes of a regular file that is not empty. Throws Error(Fault::input).
std::uintmax_t input_size(const std::filesystem::path& path);

// All of it. Throws Error(Fault::input).
std::string read_input(const std::filesystem::path& path);

// "path: what", as Error(Fault::input).
[[noreturn]] void refuse_input(const std::filesystem::path& path, const std::string& what);
[[noreturn]] void refuse_as_too_large(const std::filesystem::path& path, const std::string& what);

// On the CPU, for what a file holds, which is named when the memory does not suffice. Throws Error(Fault::input).
at::Tensor allocated(const std::filesystem::path& path, const std::string& what, at::IntArrayRef shape,
                     at::ScalarType type);

// Bytes as a number without a sign; 8 at most.
uint64_t number_in(std::string_view bytes, bool big_endian);

}  // namespace attune
