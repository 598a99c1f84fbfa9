// The table of checks, and those of a library as a whole.
#include "conformance/checks.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

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

namespace {

const std::vector<ComponentKind> all{ComponentKind::method, ComponentKind::matcher, ComponentKind::correlation};
const std::vector<ComponentKind> methods{ComponentKind::method};
const std::vector<ComponentKind> matchers{ComponentKind::matcher};
const std::vector<ComponentKind> correlations{ComponentKind::correlation};

}  // namespace

bool Check::is_for(ComponentKind kind) const { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); }

const std::vector<Check>& checks() {
  static const std::vector<Check> table{
      {"load", {}, "The library loads and registers its components"},
      {"exports", {}, "The library exports attune_plugin_entry and no other symbol"},
      {"parameters", all,
       "Every value that the declarations allow, ends and choices included, gives finite results or an attune::Error; "
       "every other value is refused",
       check_parameters},
      {"shapes", all, "Results have the declared form for every declared rank, for one sample and for three",
       check_shapes},
      {"batch", all, "A batch gives what its samples give one by one", check_batch},
      {"types", all, "float32 and float64 are kept, and give the same values but for rounding", check_types},
      {"determinism", all,
       "Equal inputs give equal results; the pass's generator is the only randomness, and none when declared "
       "deterministic",
       check_determinism},
      {"finite", all,
       "Ordinary inputs work; constant, sparse, tiny and huge ones give finite results and gradients, or an "
       "attune::Error",
       check_finite},
      {"gradient", all, "Where declared differentiable, gradients reach model and inputs and equal finite differences",
       check_gradient},
      {"untouched", all, "Inputs, the model, what a pass hands out, gradient mode and random state stay as they are",
       check_untouched},
      {"threads", all, "One object used by two threads at once gives what it gives to one", check_threads},
      {"exceptions", all, "Where it cannot work, nothing but attune::Error and other std::exceptions comes out of it",
       check_exceptions},
      {"growth", all, "The process does not grow over 200 runs", check_growth},
      {"targets", methods, "Several targets at once give what each gives alone", check_targets},
      {"reruns", matchers, "Only maps that reruns() declares are recomputed", check_reruns},
      {"range", correlations, "Values lie in the declared range", check_range},
      {"symmetry", correlations, "Where declared symmetric, h(a, b) = h(b, a)", check_symmetry},
      {"affine", correlations, "Where declared affine invariant, h(s a + t, b) = h(a, b) for s > 0", check_affine},
      {"self", correlations, "A map agrees at least as well with itself as with itself in another order", check_self},
  };
  return table;
}

const Check& find_check(const std::string& id) {
  std::vector<std::string> ids;
  for (const Check& check : checks()) {
    if (check.id == id) return check;
    ids.push_back(check.id);
  }
  throw Error(Fault::usage,
              "no check is called '" + id + "'" + did_you_mean(id, ids) + "; `attune check --list` lists them");
}

Outcome run_check(const Check& check, const Catalogue& catalogue, const Component& component, uint64_t seed,
                  const TrialModel* own) {
  try {
    const auto run = [&] { return check.run(*make_subject(catalogue, component, own), seed); };
    return {Verdict::passed, attempt("", run)};
  } catch (const Skipped& reason) {
    return {Verdict::skipped, reason.what()};
  } catch (const Failed& reason) {
    return {Verdict::failed, reason.what()};
  }
}

}  // namespace attune::conformance
