// Volumes: what a map says in slices along each of three axes.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "image/image.h"
#include "render/overlay.h"

namespace attune {

// What slices are numbered along.
struct VolumeAxis {
  std::string name;       // "axial"
  bool reversed = false;  // the last slice is number 0
  double spacing = 1;     // of the slices, in any unit
};

// A volume as it is looked at: the first axis points down and the last one to the right in the slices that have them.
struct Volume {
  at::Tensor grey;  // uint8 [S1,S2,S3]
  std::array<VolumeAxis, 3> axes{{{"axis 1"}, {"axis 2"}, {"axis 3"}}};
};

// The `map` [S1,S2,S3] of any size over the volume, on one scale: for each axis `shown` numbered slices at most, of
// which up to half are those with the most heat ("*") and the others evenly spaced.
Image volume_picture(const Volume& volume, const at::Tensor& map, const OverlayOptions& options = {},
                     int64_t shown = 8);

// The same for a small place: of each axis the one slice with the most heat, or, without a map, the one in the middle.
Image volume_cell(const Volume& volume, const at::Tensor& map, const OverlayOptions& options = {});

}  // namespace attune
