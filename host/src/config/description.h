// What a component says of itself, for programs.
#pragma once

#include <nlohmann/json.hpp>

#include <attune/catalogue.h>

namespace attune {

// Its descriptor, and the plugin that it comes from: the document of `attune describe --json`.
nlohmann::ordered_json component_json(const Component& component);

}  // namespace attune
