// The input without its detail.
#pragma once

#include <algorithm>

#include "common/rows.h"

namespace attune::plugins {

// [N,C,S1..Sd], blurred along every spatial axis by a Gaussian whose standard deviation is `share` of the axis;
// positions near an edge see only what is there.
inline at::Tensor blurred(at::Tensor x, double share) {
  for (int64_t axis = 2; axis < x.dim(); ++axis) {
    const int64_t extent = x.size(axis);
    const double deviation = std::max(share * static_cast<double>(extent), 1e-3);
    const at::Tensor kernel = bell(offsets(extent, extent, x.options()), deviation);
    x = along(x, axis, kernel / kernel.sum(1, /*keepdim=*/true));
  }
  return x;
}

}  // namespace attune::plugins
