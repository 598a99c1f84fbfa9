// Batch norm in graphs that are differentiated twice.
#pragma once

#include "model/graph/graph.h"

namespace attune {

// Batch norm in evaluation mode.
bool is_constant_norm(const torch::jit::Node* node);

// Where such a norm alone reads what a convolution gives, its factor goes into the weights, by differentiable
// operations on them: that spares its passes over the activations, forwards and backwards. The values are the same up
// to rounding.
void fold_norm_behind(torch::jit::Node* convolution);

}  // namespace attune
