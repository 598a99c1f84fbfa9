// The network of `attune demo`, put together as TorchScript from C++.
#pragma once

#include <cstdint>

#include "model/run/training_model.h"

namespace attune {

// A small residual network with fresh weights drawn from `seed`, in evaluation mode: float pictures [N, 3, H, W] (H and
// W of 32 or more) to logits [N, classes]. Four stages, layer1 to layer4, are followed by global average pooling and
// the linear head `fc`; the last convolution is `layer4.conv2` and its rectified output `layer4.relu2` has an eighth of
// the input's extent. Saved, it is an ordinary TorchScript file.
TrainingModel demo_network(int64_t classes, uint64_t seed);

}  // namespace attune
