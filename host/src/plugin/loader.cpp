#include "plugin/loader.h"

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "plugin/contract.h"

namespace attune {
namespace {

std::string reason_of_ownership(const struct stat& status, const std::string& what) {
  if (status.st_uid == 0 || status.st_uid == geteuid()) return "";
  return "the " + what + " belongs to user " + std::to_string(status.st_uid) +
         "; it must belong to root or to you (user " + std::to_string(geteuid()) + ")";
}

}  // namespace

Trust inspect_folder(const std::filesystem::path& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0)
    return {std::string("the folder cannot be read: ") + std::strerror(errno), ""};
  if (!S_ISDIR(status.st_mode)) return {"it is not a folder", ""};
  if (access(folder.c_str(), R_OK | X_OK) != 0) {
    return {std::string("the folder cannot be read: ") + std::strerror(errno), ""};
  }
  if ((status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX)) {
    return {"anyone may write to the folder; take that right away (chmod o-w)", ""};
  }
  if (std::string reason = reason_of_ownership(status, "folder"); !reason.empty()) return {reason, ""};
  if (status.st_mode & S_IWGRP) {
    return {"", "plugin folder " + folder.string() + " may be written to by group " + std::to_string(status.st_gid)};
  }
  return {};
}

Trust inspect_file(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {std::string("the file cannot be read: ") + std::strerror(errno), ""};
  if (!S_ISREG(status.st_mode)) return {"it is not a regular file", ""};
  if (status.st_mode & S_IWOTH) return {"anyone may write to the file; take that right away (chmod o-w)", ""};
  return {reason_of_ownership(status, "file"), ""};
}

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

namespace {

namespace fs = std::filesystem;

bool has_plugin_name(const fs::path& file) {
  const std::string name = file.filename().string();
  return file.extension() == ".so" && name.size() > 10 && name.compare(0, 7, "attune-") == 0;
}

// The first call into the plugin's code that is ours to catch.
std::map<std::string, Registered> register_components(const PluginEntry& entry, Registration& registration) {
  const std::string failed = "the plugin's registration failed: ";
  try {
    entry.register_components(registration);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    // LibTorch's exceptions go on with a stack trace.
    const std::string message = error.what();
    refuse(failed + message.substr(0, message.find('\n')));
  } catch (...) {
    refuse(failed + "it threw something that is not a std::exception");
  }
  return registration.take();
}

}  // namespace

void PluginLoader::load_folder(const SearchFolder& folder) {
  std::error_code error;
  if (!fs::exists(folder.path, error)) {
    const std::string message = "plugin folder " + folder.path.string() + " (" + folder.origin + ") does not exist";
    if (folder.if_missing == IfMissing::fail) throw Error(Fault::usage, message);
    if (folder.if_missing == IfMissing::note) contents_->notes.push_back(message);
    return;
  }
  if (!folder.path.is_absolute()) {
    contents_->refusals.push_back({folder.path,
                                   "the folder is not given by an absolute path; plugins are never taken "
                                   "from the working directory"});
    return;
  }
  const Trust trust = inspect_folder(folder.path);
  if (!trust.refusal.empty()) {
    contents_->refusals.push_back({folder.path, trust.refusal});
    return;
  }
  if (!seen_.insert(fs::canonical(folder.path)).second) return;
  if (!trust.note.empty()) contents_->notes.push_back(trust.note);
  load_files(folder.path);
}

void PluginLoader::load_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  }
  if (error) contents_->refusals.push_back({folder, "the folder cannot be read: " + error.message()});
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    try {
      load_file(file);
    } catch (const std::exception& error) {
      contents_->refusals.push_back({file, error.what()});
    }
  }
}

void PluginLoader::load_file(const fs::path& file) {
  if (!has_plugin_name(file)) refuse("the file is not named attune-<name>.so");
  const Trust trust = inspect_file(file);
  if (!trust.refusal.empty()) refuse(trust.refusal);
  const fs::path real = fs::canonical(file);
  if (!seen_.insert(real).second) return;
  // A link leads out of the folder that was looked at.
  if (const Trust home = inspect_folder(real.parent_path()); fs::is_symlink(file) && !home.refusal.empty()) {
    refuse("the file links to " + real.string() + ", where " + home.refusal);
  }
  const PluginFacts facts = read_facts(real);
  check_facts(facts);
  const PluginEntry& entry = load_library(real);
  check_entry(entry, facts);
  Registration registration(file.string(), [this](const std::string& id) { return owner(id); });
  keep({file, facts.name, facts.version}, register_components(entry, registration));
}

std::string PluginLoader::owner(const std::string& id) const {
  const auto& known = contents_->components;
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Component& one) { return one.descriptor.id == id; });
  return found == known.end() ? "" : found->path.string();
}

void PluginLoader::keep(const PluginFile& plugin, std::map<std::string, Registered> registered) {
  for (auto& [id, one] : registered) {
    contents_->factories.emplace(id, std::move(one.factory));
    contents_->components.push_back({std::move(one.descriptor), plugin.name, plugin.version, plugin.path});
  }
  contents_->plugins.push_back(plugin);
}

Catalogue PluginLoader::finish() {
  std::sort(contents_->components.begin(), contents_->components.end(), [](const Component& a, const Component& b) {
    return std::tie(a.descriptor.kind, a.descriptor.id) < std::tie(b.descriptor.kind, b.descriptor.id);
  });
  return Catalogue(std::move(contents_));
}

}  // namespace attune
