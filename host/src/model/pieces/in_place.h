// Rectifiers and sums that overwrite what they are given.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// relu(conv(x)) may overwrite the convolution's result when nothing else reads it, as the original usually did: that
// spares a tensor per rectifier; likewise for the sums of residual connections. A ReLU and its gate become one
// operator, attune::rectify.
void work_in_place(const LayeredGraph& graph);

}  // namespace attune
