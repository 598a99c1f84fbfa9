// The modules of an exported program, as its nodes remember them.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace attune {

struct ExportedLayers {
  std::map<std::string, std::string> types;              // of a module's path, without the package
  std::map<std::string, std::vector<std::string>> ends;  // the layers that a value is the output of, innermost first
  std::map<size_t, std::string> scopes;                  // the path of the module whose forward a node stands in
};

// A module's output is the last value that it makes and that others use.
ExportedLayers exported_layers(const nlohmann::json& graph);

// The kind and the content of one of the schema's unions, {kind: content}. Throws Error(Fault::input) for anything
// else.
std::pair<std::string, const nlohmann::json&> union_of(const nlohmann::json& value);

// The tensors that a node takes or gives.
std::vector<std::string> tensors_of(const nlohmann::json& arguments);

}  // namespace attune
