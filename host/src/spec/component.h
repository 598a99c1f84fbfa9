// Components as a user writes them on a command line.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <attune/catalogue.h>

namespace attune {

// [NAME=]ID[:key=value,...]
struct ComponentText {
  std::string name;  // what outputs are called; the id when no NAME was given
  std::string id;
  std::map<std::string, ParameterValue> parameters;
};

// Throws Error(Fault::usage) for a text of another form, Error(Fault::spec) for an unknown method or parameter.
ComponentText parse_method(const std::string& text, const Catalogue& catalogue);

// Names that occur again get "#2", "#3"...
void number_repeated_names(std::vector<ComponentText>& components);

}  // namespace attune
