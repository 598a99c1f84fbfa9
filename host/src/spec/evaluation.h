// What a model is worth on one part of the data, as a JSON document.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "metrics/evaluation.h"

namespace attune {

// {"samples", "metrics": {name: {"value", "low", "high"}}, "classes": [{"name", "count", <name>: {"value"..}...}],
// "maps", "terms": likewise}; "p" beside "high" where there is one, null for what is not defined. Lists without entries
// are left out.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);

// The other way round, of a document that this program has written.
Evaluation evaluation_of(const nlohmann::ordered_json& json);

}  // namespace attune
