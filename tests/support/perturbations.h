// What the tests of methods share that hide parts of the input: the parts of a grid, scores without some of them, masks
// that are enlarged and inputs that are blurred.
#pragma once

#include "methods.h"

namespace attune::test {

// Which cell of a grid of `cells` along each axis the middle of each place lies in, [S1..Sd].
inline at::Tensor grid_labels(at::IntArrayRef extents, int64_t cells) {
  at::Tensor labels = at::zeros(extents, at::kLong);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    const int64_t here = std::min(cells, extents[axis]);
    std::vector<int64_t> shape(extents.size(), 1);
    shape[axis] = extents[axis];
    at::Tensor cell = at::zeros({extents[axis]}, at::kLong);
    for (int64_t place = 0; place < extents[axis]; ++place) cell[place] = (2 * place + 1) * here / (2 * extents[axis]);
    labels = labels * here + cell.view(shape);
  }
  return labels;
}

inline int64_t grid_count(at::IntArrayRef extents, int64_t cells) {
  int64_t count = 1;
  for (const int64_t extent : extents) count *= std::min(cells, extent);
  return count;
}

// The score of one sample [C,S1..Sd] that keeps the parts of the grid whose bit is set; the others hold 0.
inline double score_of_parts(const ImageModel& model, const at::Tensor& sample, const at::Tensor& labels,
                             const std::vector<bool>& kept, int64_t target) {
  at::Tensor mask = at::zeros(labels.sizes(), at::kDouble);
  for (size_t part = 0; part < kept.size(); ++part) {
    if (kept[part]) mask += (labels == static_cast<int64_t>(part)).to(at::kDouble);
  }
  return model.module_output((sample * mask).unsqueeze(0), false)[0][target].item<double>();
}

// Linear interpolation of masks [N,1,S1..Sd].
inline at::Tensor enlarged(const at::Tensor& masks, const std::vector<int64_t>& size) {
  if (size.size() == 1) return at::upsample_linear1d(masks, size, false);
  if (size.size() == 2) return at::upsample_bilinear2d(masks, size, false);
  return at::upsample_trilinear3d(masks, size, false);
}

// One row of a Gaussian filter after the other.
inline at::Tensor blurred_by_hand(at::Tensor x, double share) {
  for (int64_t axis = 2; axis < x.dim(); ++axis) {
    const int64_t extent = x.size(axis);
    std::vector<at::Tensor> rows;
    for (int64_t to = 0; to < extent; ++to) {
      at::Tensor row = at::zeros_like(x.select(axis, 0));
      double all = 0;
      for (int64_t from = 0; from < extent; ++from) {
        const double z = static_cast<double>(from - to) / (share * static_cast<double>(extent));
        row = row + x.select(axis, from) * std::exp(-z * z / 2);
        all += std::exp(-z * z / 2);
      }
      rows.push_back(row / all);
    }
    x = at::stack(rows, axis);
  }
  return x;
}

}  // namespace attune::test
