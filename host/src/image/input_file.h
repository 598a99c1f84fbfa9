// Files that users hand in.
#pragma once

#include <filesystem>
#include <string>

namespace attune {

// The size in bytes of a regular file that is not empty. Throws Error(Fault::input).
std::uintmax_t input_size(const std::filesystem::path& path);

// All of it. Throws Error(Fault::input).
std::string read_input(const std::filesystem::path& path);

// "path: what", as Error(Fault::input).
[[noreturn]] void refuse_input(const std::filesystem::path& path, const std::string& what);

}  // namespace attune
