// One parameter in JSON: its schema and its value.
#pragma once

#include <nlohmann/json.hpp>

#include <attune/sdk/parameters.h>

namespace attune {

// As specs write it: of a method its id, or {"use": id, parameters...}.
nlohmann::ordered_json parameter_json(const ParameterValue& value);

nlohmann::ordered_json parameter_schema(const ParameterDeclaration& declared);

}  // namespace attune
