// The pictures of `attune demo`: a few drawn objects with their boxes on a cluttered background, made from a seed.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <string>
#include <vector>

namespace attune {

// Where an object's own pixels are (its shadow not counted), in pixels of the picture, and which of demo_labels() it
// is.
struct DemoBox {
  int label;
  double x, y, width, height;
};

struct DemoPicture {
  at::Tensor image;  // uint8, RGB, [size, size, 3]
  std::vector<DemoBox> boxes;
};

// The classes, in the order of the demo network's logits.
const std::vector<std::string>& demo_labels();

// One to three objects of different classes. The same seed gives the same scene at every size, and the same bytes at
// the same size. Throws Error (usage) for a size under 32 or over 2048.
DemoPicture demo_picture(uint64_t seed, int size);

}  // namespace attune
