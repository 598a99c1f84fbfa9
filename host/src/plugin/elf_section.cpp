#include "plugin/elf_section.h"

#include <cstring>
#include <elf.h>
#include <fstream>
#include <vector>

#include <attune/sdk/error.h>

#include "plugin/sentences.h"

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
  if (file.size() < EI_NIDENT) refuse("the file is not a shared library (it is not in ELF format)");
  const auto ident = file.read<unsigned char>(0, EI_NIDENT);
  if (std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
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

}  // namespace attune
