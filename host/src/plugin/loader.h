// Goes through the folders of a search path and loads what may be loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <set>

#include <attune/catalogue.h>

#include "plugin/contents.h"

namespace attune {

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
