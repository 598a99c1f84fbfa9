#include "plugin/library.h"

#include <boost/dll/shared_library.hpp>
#include <mutex>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {
namespace {

// Boost wraps dlerror's text: "... failed (dlerror system message: FILE: TEXT): Bad file descriptor".
std::string loader_text(const std::string& message, const std::string& file) {
  const std::string opening = "dlerror system message: ";
  const size_t begin = message.find(opening);
  const size_t end = message.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return message;
  std::string text = message.substr(begin + opening.size(), end - begin - opening.size());
  const std::string prefix = file + ": ";
  return text.compare(0, prefix.size(), prefix) == 0 ? text.substr(prefix.size()) : text;
}

boost::dll::shared_library open(const std::filesystem::path& file) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  try {
    // At once, as a lazily missing function would end the process when it is called; local, as plugins may have classes
    // of equal names.
    return boost::dll::shared_library(file, rtld_now | rtld_local);
  } catch (const std::exception& error) {
    throw Error(Fault::plugin, "the library cannot be loaded: " + loader_text(error.what(), file.string()));
  }
}

}  // namespace

const PluginEntry& load_library(const std::filesystem::path& file) {
  // Never destroyed, so that nothing is unloaded when the process ends either.
  static std::mutex mutex;
  static auto* libraries = new std::vector<boost::dll::shared_library>;
  const std::lock_guard<std::mutex> lock(mutex);
  libraries->push_back(open(std::filesystem::absolute(file)));
  const boost::dll::shared_library& library = libraries->back();
  const char* symbol = "attune_plugin_entry";
  if (!library.has(symbol)) {
    throw Error(Fault::plugin,
                "the library exports no " + std::string(symbol) + "; plugins are made with ATTUNE_PLUGIN");
  }
  return library.get<const PluginEntry>(symbol);
}

}  // namespace attune
