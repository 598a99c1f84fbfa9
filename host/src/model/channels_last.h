// Convolutions of a frozen piece in the memory order that suits the processor.
#pragma once

#include "model/graph.h"

namespace attune {

// Stores the weights of 2-D convolutions channels last, and the activations follow them: with plain weights the library
// would reorder every activation before and after every convolution. Done only where every operator of the piece takes
// either order; what the piece returns is contiguous again. For pieces without gradients, on a processor, in float32.
void prefer_channels_last(const LayeredGraph& graph);

}  // namespace attune
