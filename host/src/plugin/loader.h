// From the folders of a search path to a catalogue: which files may be loaded, and loading them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/sdk/abi.h>

#include "plugin/registration.h"

namespace attune {

// Whether a folder or file may be loaded from: a plugin is code that runs as the user.
struct Trust {
  std::string refusal;  // why not, or ""
  std::string note;     // what the user should know, or ""
};

// Others must not be able to put a plugin there: refuses folders and files that anyone may write to (folders with the
// sticky bit excepted) or that belong to neither root nor this user.
Trust inspect_folder(const std::filesystem::path& folder);
Trust inspect_file(const std::filesystem::path& file);

// Loads the library, whose static constructors run, and finds its entry. It is never unloaded: autograd graphs point
// into it. Throws Error(Fault::plugin) with the dynamic loader's own words.
const PluginEntry& load_library(const std::filesystem::path& file);

// What a Catalogue holds.
struct Catalogue::Contents {
  std::vector<Component> components;
  std::map<std::string, Factory> factories;  // by id
  std::vector<PluginFile> plugins;
  std::vector<Refusal> refusals;
  std::vector<std::string> notes;
};

// Goes through the folders of a search path and loads what may be loaded.
class PluginLoader {
 public:
  // Every plugin file of a folder, by name. Refusals and notes go into the contents.
  void load_folder(const SearchFolder& folder);
  // One plugin, from its file name to its registered components; all of them or none. Throws Error(Fault::plugin).
  void load_file(const std::filesystem::path& file);

  Catalogue finish();

 private:
  void load_files(const std::filesystem::path& folder);
  std::string owner(const std::string& id) const;
  void keep(const PluginFile& plugin, std::map<std::string, Registered> registered);

  std::shared_ptr<Catalogue::Contents> contents_ = std::make_shared<Catalogue::Contents>();
  std::set<std::filesystem::path> seen_;  // folders and files with symbolic links resolved
};

}  // namespace attune
