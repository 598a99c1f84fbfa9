// Where plugins are looked for.
#include <cstdlib>
#include <dlfcn.h>
#include <sstream>

#include <attune/catalogue.h>

namespace attune {
namespace {

namespace fs = std::filesystem;

// The folder of the shared library (or the executable) that this function is part of.
fs::path own_folder() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&own_folder), &info) || !info.dli_fname) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
}

fs::path default_folder() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside_executable = executable.parent_path().parent_path() / "lib/attune/plugins";
  if (!error && fs::is_directory(beside_executable, error)) return beside_executable;
  const fs::path library = own_folder();
  return library.empty() ? beside_executable : library / "attune/plugins";
}

}  // namespace

SearchPath search_folders(const std::vector<fs::path>& named) {
  SearchPath folders;
  for (const fs::path& path : named) {
    folders.push_back({fs::absolute(path).lexically_normal(), "--plugin-dir", IfMissing::fail});
  }
  const char* variable = std::getenv("ATTUNE_PLUGIN_PATH");
  std::istringstream entries(variable ? variable : "");
  for (std::string entry; std::getline(entries, entry, ':');) {
    if (!entry.empty()) folders.push_back({entry, "ATTUNE_PLUGIN_PATH", IfMissing::note});
  }
  folders.push_back({default_folder(), "default", IfMissing::ignore});
  return folders;
}

}  // namespace attune
