// The JSON Schema of one declared parameter.
#pragma once

#include <nlohmann/json.hpp>

#include <attune/sdk/parameters.h>

namespace attune {

nlohmann::ordered_json parameter_schema(const ParameterDeclaration& declared);

}  // namespace attune
