// The small models that methods are checked on: convolution, batch norm, rectifier, pooling, convolution, rectifier,
// mean, linear; 3 channels in, 4 classes out, always with the same weights.
#pragma once

#include <cstdint>
#include <vector>

#include <attune/torchscript.h>

namespace attune::conformance {

// Layers are conv1, norm, act1, pool, conv2, act2 and fc. `smooth`: softplus and average pooling instead of ReLU and
// maximum, so that there is no kink.
ScriptedModule small_model(int rank, at::ScalarType dtype, bool smooth);

// Patches as tokens behind a class token, two attention blocks of two heads, a linear layer of the class token; for
// methods that read attention. Layers are patches, tokens, block1, block2 and fc.
ScriptedModule small_transformer(int rank, at::ScalarType dtype);

// [samples,3,S1..Sd]
std::vector<int64_t> small_input(int rank, int64_t samples);

}  // namespace attune::conformance
