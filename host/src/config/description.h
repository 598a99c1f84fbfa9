// What a component says of itself, for programs.
#pragma once

#include <nlohmann/json.hpp>

#include <attune/catalogue.h>

namespace attune {

// How many derivatives of the model the gradient of a loss takes that has a map of the method in it; 0: it has none.
int derivatives_of_loss(const Descriptor& method);

// Its descriptor, and the plugin that it comes from: the document of `attune describe --json`.
nlohmann::ordered_json component_json(const Component& component);

}  // namespace attune
