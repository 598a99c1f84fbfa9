// How a volume is turned before it is looked at.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>

#include "image/nifti.h"
#include "render/volume_picture.h"

namespace attune {

struct VolumeView {
  std::array<int64_t, 3> order{0, 1, 2};  // the axes of a volume [S1,S2,S3] in the order that they are drawn in
  std::array<VolumeAxis, 3> axes{{{"axis 1"}, {"axis 2"}, {"axis 3"}}};

  // A volume or a map, as it is drawn.
  at::Tensor turned(const at::Tensor& values) const;
};

// A body upright: its top is above, its front above or on the left, its left side on the left. Slices are numbered as
// they lie in the file.
VolumeView upright(const NiftiHeader& header);

}  // namespace attune
