// Operators that autograd cannot differentiate, or not twice, written as functions of operators that it can.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// A module with a fast path of fused operators for callers without gradients has another path too: that one is taken.
void avoid_fused_paths(LayeredGraph& graph);

// Opens fused operators that have no derivative: those of transformer encoders, as traced under torch.no_grad.
void open_fused_operators(LayeredGraph& graph);

// Opens what has a first derivative only: hardsigmoid, grid sampling, distances, fused attention (LibTorch 2.x).
void open_once_differentiable(const LayeredGraph& graph);

}  // namespace attune
