// Volumes: what a map says in slices along each of three axes.
#pragma once

#include "image/image.h"
#include "image/nifti.h"
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

// How a volume is turned before it is looked at.
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
