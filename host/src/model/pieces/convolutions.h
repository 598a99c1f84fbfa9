// What frozen pieces make of convolutions.
#pragma once

#include <ATen/core/ivalue.h>
#include <map>
#include <vector>

#include "model/graph/graph.h"

namespace attune {

// What will be asked of a piece: no gradients, gradients, or gradients of gradients (maps with a graph). Without
// gradients there are no gates. Convolutions of a frozen graph are prepared unless `twice`; all work in place where
// they can.
enum class Differentiable { no, once, twice };

// Weights made for the pieces of one graph, by what they were made of.
using MadeWeights = std::map<std::vector<int64_t>, c10::IValue>;

// Folds batch norm into the convolution before it. With `pack`, 2-D convolutions on a processor in float32 become
// attune::convolve_packed. Weights that another piece has made are taken from `made`, so that maps at many layers do not
// multiply the model.
void prepare_convolutions(const LayeredGraph& graph, bool pack, MadeWeights& made);

}  // namespace attune
