// New classes for a trained model.
#pragma once

#include <cstdint>
#include <string>
#include <torch/csrc/jit/api/module.h>

namespace attune {

// Gives the linear layer or 1x1 convolution at the dotted path `layer` so many outputs: new weight and bias of the old
// type and device, drawn as LibTorch draws those of new layers. The layer's code stays as it is. Throws
// Error(Fault::spec) with the layers that could be meant for any other.
void replace_head(torch::jit::Module& module, const std::string& layer, int64_t classes, uint64_t seed);

// Throws Error(Fault::spec) unless `scores` [N,K] has a column for each of `classes` classes; `head` is the layer that
// was replaced, "" when none was.
void require_classes(int64_t columns, int64_t classes, const torch::jit::Module& module, const std::string& head);

}  // namespace attune
