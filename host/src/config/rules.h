// What the reader of specs, their JSON Schema and other users of specs go by alike.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/map.h>
#include <attune/sdk/parameters.h>
#include <attune/spec.h>

namespace attune {

// Names of maps, terms, stages and monitors, which also name files and columns.
inline const char* const name_pattern = "^[A-Za-z0-9_-]{1,64}$";

// Words of a spec and what they stand for.
template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

inline const Words<Normalise> normalise_words = {{"none", Normalise::none},
                                                 {"standardise", Normalise::standardise},
                                                 {"standardise_sigmoid", Normalise::standardise_sigmoid},
                                                 {"minmax", Normalise::minmax}};
inline const Words<Reduction> reduction_words = {{"mean", Reduction::mean}, {"sum", Reduction::sum}};

template <class Value>
std::vector<std::string> names_of(const Words<Value>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  return names;
}

// Whether a component cannot be made without it.
inline bool must_be_given(const ParameterDeclaration& declared) {
  const auto* method = std::get_if<ComponentSpec>(&declared.default_value);
  if (method != nullptr) return method->id.empty();
  return declared.type == ParameterType::map && declared.default_value == ParameterValue(std::string());
}

// What a matcher is told of a map; of an unknown method, that its maps have a layer's resolution.
inline MapInfo info_of(const MapSpec& map, const Catalogue& catalogue) {
  const bool is_known = catalogue.find(map.method.id) != nullptr;
  return {map.name, is_known && catalogue.descriptor(ComponentKind::method, map.method).at_input_resolution};
}

}  // namespace attune
