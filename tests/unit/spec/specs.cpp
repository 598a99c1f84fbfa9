#include "specs.h"

#include <algorithm>

namespace attune::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<fs::path> bad_specs() { return json_files(source_dir / "tests" / "specs" / "bad"); }

std::vector<fs::path> shipped_specs() {
  std::vector<fs::path> files = json_files(source_dir / "docs" / "specs");
  for (const char* kind : {"method", "matcher", "correlation"}) {
    for (const auto& plugin : fs::directory_iterator(source_dir / "plugins" / kind)) {
      if (plugin.is_directory()) files.push_back(plugin.path() / "example.json");
    }
  }
  return files;
}

}  // namespace attune::test
