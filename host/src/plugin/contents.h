// What a Catalogue holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <attune/catalogue.h>

#include "plugin/registration.h"

namespace attune {

struct Catalogue::Contents {
  std::vector<Component> components;
  std::map<std::string, Factory> factories;  // by id
  std::vector<PluginFile> plugins;
  std::vector<Refusal> refusals;
  std::vector<std::string> notes;
};

}  // namespace attune
