// Pieces whose 2-D activations are stored channels last, the order that suits a processor.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// Whether a piece convolves, and all of its operators give the same values for activations in either order. Otherwise a
// convolution with plain activations reorders what it takes and what it gives.
bool takes_channels_last(const LayeredGraph& graph);

// The first `count` outputs are contiguous again.
void return_contiguous(const LayeredGraph& graph, size_t count);

}  // namespace attune
