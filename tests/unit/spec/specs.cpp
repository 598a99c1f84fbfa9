#include "specs.h"

#include "folder.h"

namespace attune::test {

namespace fs = std::filesystem;

std::vector<fs::path> shipped_specs() {
  std::vector<fs::path> files = files_in(source_dir / "docs" / "specs", ".json");
  for (const char* kind : {"method", "matcher", "correlation"}) {
    for (const auto& plugin : fs::directory_iterator(source_dir / "plugins" / kind)) {
      if (plugin.is_directory()) files.push_back(plugin.path() / "example.json");
    }
  }
  return files;
}

}  // namespace attune::test
