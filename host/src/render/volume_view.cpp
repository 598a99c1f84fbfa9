#include "render/volume_view.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "image/nifti_header.h"

namespace attune {
namespace {

double length_of(const NiftiAffine& affine, int64_t axis) {
  double squares = 0;
  for (const auto& row : affine) squares += std::pow(row[static_cast<size_t>(axis)], 2);
  return std::sqrt(squares);
}

// The axes of the volume that run along the body's height, depth and width.
std::array<int64_t, 3> body_order(const NiftiAffine& affine) {
  std::array<int64_t, 3> order{0, 1, 2}, best{2, 1, 0};
  double most = 0;
  do {
    double along = 0;
    for (size_t i = 0; i < 3; ++i) {
      const double length = length_of(affine, order[i]);
      if (length > 0) along += std::abs(affine[2 - i][static_cast<size_t>(order[i])]) / length;
    }
    if (along > most + 1e-9) {
      most = along;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

}  // namespace

at::Tensor VolumeView::turned(const at::Tensor& values) const {
  std::vector<int64_t> reversed;
  for (size_t i = 0; i < 3; ++i) {
    if (axes[i].reversed) reversed.push_back(static_cast<int64_t>(i));
  }
  return values.permute(order).flip(reversed).contiguous();
}

VolumeView upright(const NiftiHeader& header) {
  const NiftiAffine affine = affine_of(header);
  VolumeView view;
  view.order = body_order(affine);
  const std::array<const char*, 3> names = {"axial", "coronal", "sagittal"};
  for (size_t i = 0; i < 3; ++i) {
    // The file's world points right, to the front and up; pictures are drawn downwards and to the right.
    const double direction = affine[2 - i][static_cast<size_t>(view.order[i])];
    const double length = length_of(affine, view.order[i]);
    const bool reversed = i < 2 ? direction > 0 : direction < 0;
    view.axes[i] = {names[i], reversed, std::isfinite(length) && length > 0 ? length : 1};
  }
  return view;
}

}  // namespace attune
