// Values for parameters, chosen by their declarations.
#pragma once

#include <cstdint>
#include <vector>

#include "conformance/subject.h"

namespace attune::conformance {

// Values that the declaration allows: ends, choices, the default and some between.
std::vector<ParameterValue> allowed_values(const ParameterDeclaration& declared, const Subject& subject, uint64_t seed);
// Values that it does not allow.
std::vector<ParameterValue> refused_values(const ParameterDeclaration& declared);

// Everything default, and every boolean, choice and map parameter with each of its values.
std::vector<Given> variants(const Subject& subject);

}  // namespace attune::conformance
