#include "plugin/loader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <attune/sdk/error.h>

#include "plugin/contract.h"
#include "plugin/library.h"
#include "plugin/sentences.h"
#include "plugin/trust.h"

namespace attune {
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
