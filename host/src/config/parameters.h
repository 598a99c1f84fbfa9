// One parameter in JSON: its value, what is wrong with it, and its schema.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/parameters.h>

#include "json/document.h"

namespace attune {

// The value as a parameter of the declared type, which it has, if it is not a method; nothing for null, objects, and
// lists of other things than numbers or layers.
std::optional<ParameterValue> parameter_value(const ParameterDeclaration& declared, const JsonNode& node);

// Whether a component cannot be made without it.
bool must_be_given(const ParameterDeclaration& declared);

// What is wrong with a value for a parameter ("must be at least 1, not 0"), or "".
std::string parameter_fault(const ParameterDeclaration& declared, const JsonNode& node);

// "mask" has no parameter "center"; it has "source", "centre" (did you mean "centre"?)
std::string unknown_parameter(const std::string& owner, const std::string& name, const std::vector<std::string>& known);

// As specs write it: of a method its id, or {"use": id, parameters...}.
nlohmann::ordered_json parameter_json(const ParameterValue& value);

// Of its values; with help and default.
nlohmann::ordered_json value_schema(const ParameterDeclaration& declared);
nlohmann::ordered_json parameter_schema(const ParameterDeclaration& declared);

}  // namespace attune
