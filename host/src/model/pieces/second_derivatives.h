// Operators that cost no more than they must when a gradient is differentiated again.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// Replaces convolutions and batch norm in evaluation mode. LibTorch differentiates a convolution's backward by
// convolving with the whole gradient as the kernel, which takes up to five times as long as the weight gradient it
// amounts to, and batch norm's by a dozen element-wise passes. For pieces with gradients of gradients. A norm behind a
// convolution goes into its weights. With `channels_last`, 2-D convolutions on a processor in float32 run on
// activations and weights in that order. The values are those of the module up to rounding.
void ease_second_derivatives(const LayeredGraph& graph, bool channels_last);

}  // namespace attune
