// Raw maps brought to the size and scale of a picture.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

#include "image/image.h"

namespace attune {

// The map as float64 on the CPU. Throws Error(Fault::run) unless it has `rank` axes, values, and only finite ones.
at::Tensor drawable(const at::Tensor& map, int64_t rank);

// float64 [S1,S2] -> float32 [height,width]: values/range in -1..1 over `region` of a picture of that size, 0 outside
// of it; all 0 when `range` is 0.
at::Tensor heat(const at::Tensor& values, double range, const Region& region, int64_t height, int64_t width);

// [S1,S2] -> float32 [height,width], the map smoothly enlarged (or shrunk) over `region`; continued outside of it.
at::Tensor spread(const at::Tensor& values, const Region& region, int64_t height, int64_t width);

// Rows and columns of the picture whose middle lies in the region, each as first and one past the last.
struct Inside {
  int64_t top, bottom, left, right;

  bool contains(int64_t y, int64_t x) const { return y >= top && y < bottom && x >= left && x < right; }
};
Inside inside(const Region& region, int64_t height, int64_t width);

}  // namespace attune
