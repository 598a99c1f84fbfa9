// Layers that are a linear function of their input and a bias: convolutions, linear layers, batch norm.
#pragma once

#include <ATen/core/Tensor.h>
#include <map>
#include <string>

#include "model/graph/graph.h"

namespace attune {

// The layers of a live graph that have a bias, and their operators.
std::map<std::string, const torch::jit::Node*> affine_layers(const LayeredGraph& graph,
                                                             const torch::jit::Module& module);

// [C], what the operator adds. Of batch norm what remains of an input of zeros.
at::Tensor bias_of(const torch::jit::Node* affine, const torch::jit::Module& module);

// Whether the operator's channels are the last axis.
bool has_channels_last(const torch::jit::Node* affine);

}  // namespace attune
