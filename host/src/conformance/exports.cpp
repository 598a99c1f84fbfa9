// What a library shows to the dynamic linker, read from the file.

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "conformance/checks.h"

namespace attune::conformance {
namespace {

const std::string entry = "attune_plugin_entry";

// A 64-bit ELF file, which the loader has accepted already; reading beyond its end is a failure all the same.
class Library {
 public:
  explicit Library(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
  }

  template <class T>
  std::vector<T> read(uint64_t offset, uint64_t count) const {
    if (count > bytes_.size() / sizeof(T) || offset > bytes_.size() - count * sizeof(T)) {
      throw Failed("the library is truncated, or its tables are malformed");
    }
    std::vector<T> items(count);
    std::memcpy(items.data(), bytes_.data() + offset, count * sizeof(T));
    return items;
  }

  // "" for what is outside of the table.
  std::string text(const Elf64_Shdr& table, uint64_t position) const {
    const auto bytes = read<char>(table.sh_offset, table.sh_size);
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(position, bytes.size()));
    return {begin, std::find(begin, bytes.end(), '\0')};
  }

 private:
  std::vector<char> bytes_;
};

bool is_exported(const Elf64_Sym& symbol) {
  const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  // The linker itself adds symbols without type ("_end").
  return ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE && symbol.st_name != 0 && symbol.st_shndx != SHN_UNDEF &&
         ELF64_ST_BIND(symbol.st_info) != STB_LOCAL && (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

// The library's own, then what every library has of the templates that it uses.
std::vector<std::string> exports(const std::filesystem::path& path) {
  const Library library(path);
  const auto header = library.read<Elf64_Ehdr>(0, 1)[0];
  const auto sections = library.read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  std::vector<std::string> names, weak;
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections.size()) continue;
    for (const auto& symbol : library.read<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym))) {
      if (!is_exported(symbol)) continue;
      auto& list = ELF64_ST_BIND(symbol.st_info) == STB_WEAK ? weak : names;
      list.push_back(library.text(sections[section.sh_link], symbol.st_name));
    }
  }
  names.insert(names.end(), weak.begin(), weak.end());
  return names;
}

}  // namespace

Outcome check_exports(const std::filesystem::path& library) {
  constexpr size_t shown = 3;
  try {
    std::vector<std::string> others = exports(library);
    others.erase(std::remove(others.begin(), others.end(), entry), others.end());
    if (others.empty()) return {Verdict::passed, entry + " alone"};
    std::string list;
    for (size_t i = 0; i < std::min(others.size(), shown); ++i) list += (i == 0 ? "" : ", ") + others[i];
    return {Verdict::failed, "the library exports " + std::to_string(others.size()) + " symbols beside " + entry +
                                 " (" + list + (others.size() > shown ? "..." : "") +
                                 "); build it with attune_add_plugin, which hides them"};
  } catch (const Failed& reason) {
    return {Verdict::failed, reason.what()};
  }
}

}  // namespace attune::conformance
