// Components as a user writes them on a command line.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/sdk/map.h>
#include <attune/spec.h>

namespace attune {

// [NAME=]ID[:key=value,...]; a value that is a method with parameters of its own stands in parentheses.
struct ComponentText {
  std::string name;  // what outputs are called; the id when no NAME was given
  std::string id;
  std::map<std::string, ParameterValue> parameters;
  bool optional = false;  // asked for by its group alone: left out where the model does not suit it
};

// Throws Error(Fault::usage) for a text of another form, Error(Fault::spec) for an unknown method or parameter.
ComponentText parse_method(const std::string& text, const Catalogue& catalogue);

// What a --method stands for: the one method of parse_method(), or, with their defaults, those of a group ("all-cam")
// and of any group ("all"). Throws Error(Fault::usage) for a group that no method is of.
std::vector<ComponentText> parse_methods(const std::string& text, const Catalogue& catalogue);

// The layers that its parameters name, those of nested methods included.
std::vector<std::string> named_layers(const ComponentSpec& method, const Catalogue& catalogue);

// For legends: "SmoothGrad of Grad-CAM".
std::string title_of(const ComponentSpec& method, const Catalogue& catalogue);

// What a matcher is told of a map; of an unknown method, that its maps have a layer's resolution.
MapInfo info_of(const MapSpec& map, const Catalogue& catalogue);

// Names that occur again get "#2", "#3"...
void number_repeated_names(std::vector<ComponentText>& components);

}  // namespace attune
