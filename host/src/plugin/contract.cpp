#include "plugin/contract.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <attune/sdk/error.h>

#include "plugin/registration.h"

namespace attune {
namespace {

constexpr uint64_t largest_text = 64 * 1024;

#if defined(__x86_64__)
constexpr Elf64_Half this_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half this_machine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half this_machine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr Elf64_Half this_machine = EM_PPC64;
#else
#error "name this machine's ELF number here"
#endif
constexpr unsigned char this_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

// A file whose every read is checked.
class File {
 public:
  explicit File(const std::filesystem::path& path) : stream_(path, std::ios::binary) {
    std::error_code error;
    size_ = std::filesystem::file_size(path, error);
    if (error || !stream_) refuse("the file cannot be read");
  }

  uint64_t size() const { return size_; }

  bool holds(uint64_t offset, uint64_t length) const { return offset <= size_ && length <= size_ - offset; }

  template <class T>
  std::vector<T> read(uint64_t offset, uint64_t count) {
    if (count > size_ / sizeof(T) || !holds(offset, count * sizeof(T))) {
      refuse("the library is truncated: it ends after " + std::to_string(size_) + " bytes, before its own tables do");
    }
    std::vector<T> items(count);
    stream_.seekg(static_cast<std::streamoff>(offset));
    stream_.read(reinterpret_cast<char*>(items.data()), static_cast<std::streamsize>(count * sizeof(T)));
    if (!stream_) refuse("the file cannot be read");
    return items;
  }

 private:
  std::ifstream stream_;
  uint64_t size_ = 0;
};

Elf64_Ehdr read_header(File& file) {
  const auto ident = file.read<unsigned char>(0, std::min<uint64_t>(file.size(), EI_NIDENT));
  if (ident.size() < EI_NIDENT || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
    refuse("the file is not a shared library (it is not in ELF format)");
  }
  if (ident[EI_CLASS] != ELFCLASS64) refuse("the library is a 32-bit one, but attune is a 64-bit program");
  if (ident[EI_DATA] != this_order) refuse("the library was built for another byte order than this machine's");
  const Elf64_Ehdr header = file.read<Elf64_Ehdr>(0, 1)[0];
  if (header.e_machine != this_machine) {
    refuse("the library was built for another machine (ELF machine number " + std::to_string(header.e_machine) +
           ", expected " + std::to_string(this_machine) + ")");
  }
  if (header.e_type != ET_DYN)
    refuse("the file is not a shared library (ELF type " + std::to_string(header.e_type) + ")");
  return header;
}

// The dynamic loader maps these without looking at the file's size, and the process dies at the first missing page.
void check_segments(File& file, const Elf64_Ehdr& header) {
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr))
    refuse("the library's program table is malformed");
  for (const Elf64_Phdr& segment : file.read<Elf64_Phdr>(header.e_phoff, header.e_phnum)) {
    if (segment.p_type == PT_LOAD && !file.holds(segment.p_offset, segment.p_filesz)) {
      refuse("the library is truncated: it ends after " + std::to_string(file.size()) + " bytes, before its code does");
    }
  }
}

std::vector<Elf64_Shdr> read_sections(File& file, const Elf64_Ehdr& header, const std::string& wanted) {
  if (header.e_shnum == 0) refuse("the library has no section table, where " + wanted + " would be found");
  if (header.e_shentsize != sizeof(Elf64_Shdr)) refuse("the library's section table is malformed");
  auto sections = file.read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  if (header.e_shstrndx >= sections.size()) refuse("the library's section table is malformed");
  return sections;
}

bool has_name(const std::vector<char>& names, const Elf64_Shdr& section, const std::string& wanted) {
  const uint64_t length = wanted.size() + 1;
  if (section.sh_name > names.size() || length > names.size() - section.sh_name) return false;
  return std::memcmp(names.data() + section.sh_name, wanted.c_str(), length) == 0;
}

}  // namespace

std::string read_elf_section(const std::filesystem::path& path, const std::string& name) {
  File file(path);
  const Elf64_Ehdr header = read_header(file);
  check_segments(file, header);
  const auto sections = read_sections(file, header, name);
  const Elf64_Shdr& name_table = sections[header.e_shstrndx];
  const auto names = file.read<char>(name_table.sh_offset, name_table.sh_size);
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_PROGBITS || !has_name(names, section, name)) continue;
    if (section.sh_size > largest_text) refuse("the library's section " + name + " is too long");
    const auto text = file.read<char>(section.sh_offset, section.sh_size);
    return {text.begin(), text.end()};
  }
  refuse("the library has no section " + name + ", so it is not an attune plugin; plugins are made with ATTUNE_PLUGIN");
}

namespace {

const std::string section_name = ATTUNE_ABI_SECTION;

std::map<std::string, std::string> parse_lines(const std::string& section) {
  std::map<std::string, std::string> facts;
  std::istringstream lines(section.substr(0, section.find('\0')));
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    // Facts end up in messages: no control characters, which a terminal would obey.
    const bool printable = std::all_of(line.begin(), line.end(), [](unsigned char c) { return c >= 32 && c != 127; });
    if (equals == std::string::npos || !printable) refuse("the library's section " + section_name + " is malformed");
    facts[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return facts;
}

std::string fact(const std::map<std::string, std::string>& facts, const std::string& key) {
  const auto found = facts.find(key);
  if (found == facts.end()) refuse("the library's section " + section_name + " does not say \"" + key + "\"");
  return found->second;
}

uint32_t number(const std::string& text) {
  uint32_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    refuse("the library's section " + section_name + " says \"" + text + "\" where a version number belongs");
  }
  return value;
}

}  // namespace

PluginFacts read_facts(const std::filesystem::path& file) {
  const auto facts = parse_lines(read_elf_section(file, section_name));
  return {fact(facts, "sdk_major"), fact(facts, "sdk_minor"), fact(facts, "torch"),
          fact(facts, "abi"),       fact(facts, "name"),      fact(facts, "version")};
}

void check_facts(const PluginFacts& facts) {
  if (!is_component_id(facts.name)) {
    refuse("the plugin calls itself \"" + facts.name +
           "\"; names have lower-case letters, digits and underscores, with at most one dot (vendor.name)");
  }
  const std::string ours = std::to_string(ATTUNE_SDK_MAJOR) + "." + std::to_string(ATTUNE_SDK_MINOR);
  const std::string theirs = facts.sdk_major + "." + facts.sdk_minor;
  if (number(facts.sdk_major) != ATTUNE_SDK_MAJOR) {
    refuse("the plugin was built with SDK " + theirs + ", but this attune takes SDK " + ours + "; build it again");
  }
  if (number(facts.sdk_minor) > ATTUNE_SDK_MINOR) {
    refuse("the plugin needs SDK " + theirs + ", but this attune is older and has SDK " + ours + "; update attune");
  }
  if (facts.torch != ATTUNE_ABI_TORCH) {
    refuse("the plugin was built with LibTorch " + facts.torch + ", but this attune runs LibTorch " + ATTUNE_ABI_TORCH +
           "; build it again");
  }
  if (facts.abi != ATTUNE_ABI_TAG) {
    refuse("the plugin was built with the binary interface " + facts.abi + ", but this attune has " + ATTUNE_ABI_TAG +
           "; build it again");
  }
}

void check_entry(const PluginEntry& entry, const PluginFacts& facts) {
  // The size comes first: fields behind it may not exist.
  if (entry.struct_size < sizeof(PluginEntry)) {
    refuse("the plugin's entry has " + std::to_string(entry.struct_size) + " bytes, but this attune expects " +
           std::to_string(sizeof(PluginEntry)));
  }
  const auto agree = [](const char* key, const char* said, const std::string& fact) {
    if (said && said == fact) return;
    refuse("the plugin's entry says " + std::string(key) + " \"" + (said ? said : "") + "\", but its section " +
           section_name + " says \"" + fact + "\"");
  };
  agree("sdk_major", std::to_string(entry.sdk_major).c_str(), facts.sdk_major);
  agree("sdk_minor", std::to_string(entry.sdk_minor).c_str(), facts.sdk_minor);
  agree("torch", entry.torch_version, facts.torch);
  agree("abi", entry.abi_tag, facts.abi);
  agree("name", entry.name, facts.name);
  agree("version", entry.version, facts.version);
  if (!entry.register_components) refuse("the plugin's entry has no register function");
}

}  // namespace attune
