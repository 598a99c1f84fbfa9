// A number as JSON, which has no word for what is not finite.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace attune {

inline nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

}  // namespace attune
