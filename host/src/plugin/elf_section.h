// Reads one section of a shared library from the file, without loading the library.
#pragma once

#include <filesystem>
#include <string>

namespace attune {

// The contents of the section `name` in the 64-bit ELF shared library `file`. Nothing in the file is believed: every
// offset is checked against the file's size. Throws Error(Fault::plugin) with one sentence of what is wrong.
std::string read_elf_section(const std::filesystem::path& file, const std::string& name);

}  // namespace attune
