// Training and checking the network of `attune demo` on the pictures of `attune demo`.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>

#include "model/run/training_model.h"

namespace attune {

// The network of `attune demo`, put together as TorchScript from C++.

// A small residual network with fresh weights drawn from `seed`, in evaluation mode: float pictures [N, 3, H, W] (H and
// W of 32 or more) to logits [N, classes]. Four stages, layer1 to layer4, are followed by global average pooling and
// the linear head `fc`; the last convolution is `layer4.conv2` and its rectified output `layer4.relu2` has an eighth of
// the input's extent. Saved, it is an ordinary TorchScript file.
TrainingModel demo_network(int64_t classes, uint64_t seed);

// What a demo network is fed: (value / 255 - mean) / deviation, the same for red, green and blue.
inline constexpr double demo_mean = 0.5;
inline constexpr double demo_deviation = 0.25;

// Held-out pictures: seeds from here on are never trained on, whatever DemoTraining::seed is.
inline constexpr uint64_t demo_held_out_seed = uint64_t{1} << 63;

struct DemoTraining {
  int64_t pictures = 1536;
  int64_t epochs = 8;
  int64_t batch = 32;
  int size = 96;
  uint64_t seed = 0;
  // Called after every step; false stops the training there.
  std::function<bool(int64_t step, int64_t steps, double loss)> progress;
};

// uint8 [H, W, 3] to the float [3, H, W] that a demo network is fed.
at::Tensor demo_input(const at::Tensor& image);

// Trains the network in place and where its parameters are (Adam, binary cross-entropy on the logits, one cosine cycle,
// horizontal flips), leaves it in evaluation mode and returns the mean loss of the last epoch, or of what there was of
// it. Throws Error (usage) for numbers that make no sense.
double train_demo(TrainingModel& network, const DemoTraining& training);

// Macro F1 at a probability of 0.5 over the pictures of seeds first_seed, first_seed + 1, ...; puts the network into
// evaluation mode.
double demo_f1(TrainingModel& network, uint64_t first_seed, int64_t pictures, int size);

}  // namespace attune
