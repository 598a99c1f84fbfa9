// The binary contract with plugins, as the host checks it before their code runs. sdk/abi.h is the plugins' side.
#pragma once

#include <filesystem>
#include <string>

#include <attune/sdk/abi.h>
#include <attune/sdk/error.h>

namespace attune {

// Refuses a plugin.
[[noreturn]] inline void refuse(const std::string& reason) { throw Error(Fault::plugin, reason); }

inline std::string quoted(const std::string& text) { return '"' + text + '"'; }

// The contents of the section `name` in the 64-bit ELF shared library `file`. Nothing in the file is believed: every
// offset is checked against the file's size. Throws Error(Fault::plugin) with one sentence of what is wrong.
std::string read_elf_section(const std::filesystem::path& file, const std::string& name);

// What a plugin says of itself in its section .attune.abi.
struct PluginFacts {
  std::string sdk_major;
  std::string sdk_minor;
  std::string torch;
  std::string abi;
  std::string name;
  std::string version;
};

// Reads the facts from the file; no code of the plugin runs. Throws Error(Fault::plugin).
PluginFacts read_facts(const std::filesystem::path& file);

// Refuses, by Error(Fault::plugin), a plugin that was built for another SDK, LibTorch or C++ library than this host.
void check_facts(const PluginFacts& facts);

// Refuses an entry that is incomplete or says something else than the section. Reads plain data, calls nothing.
void check_entry(const PluginEntry& entry, const PluginFacts& facts);

}  // namespace attune
