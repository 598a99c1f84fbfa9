// In-place operations become functional, so that a captured activation stays what the layer returned.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// Rewrites `relu_(x)` to `relu(x)`, `list.append(y)` to `list + [y]` and so on wherever nothing else that is used later
// may share memory with what is written. Where only views share it, as in `y[:, 0] = z`, the write goes into a copy.
// Other writes stay as they are.
void functionalise(LayeredGraph& graph);

}  // namespace attune
