// What a user should know of a model before its maps are trusted.
#pragma once

#include <string>
#include <vector>

#include <attune/torchscript_model.h>

#include "model/graph/graph.h"

namespace attune {

// Sentences: layers that were exported in training mode, random numbers, an output of probabilities.
std::vector<std::string> remarks_on(const LayeredGraph& graph, OutputKind kind);

}  // namespace attune
