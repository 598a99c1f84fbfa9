// Segments: parts of the input that are hidden or kept as a whole, cells of a grid or superpixels.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/map.h>
#include <attune/sdk/parameters.h>

#include "common/variants.h"

namespace attune::plugins {

// Which segment each place of every sample belongs to.
class Segments {
 public:
  static std::vector<ParameterDeclaration> parameters() {
    return {
        choice("segments", "superpixels", {"superpixels", "grid"},
               "What is hidden as a whole: regions of one colour, or cells of a grid"),
        integer("cells", 8, {1, 64}, "Segments along each axis of the input"),
        real("compactness", 2, {1e-3, 1e3}, "How much of superpixels place counts beside colour"),
        fill_parameter(),
    };
  }

  // `labels` [N,P], int64, from 0 to count - 1.
  Segments(at::Tensor labels, int64_t count) : labels_(std::move(labels)), count_(count) {}

  int64_t count() const { return count_; }
  const at::Tensor& labels() const { return labels_; }

  // Every segment's number at its places: [rows,1,S1..Sd] of `values` [rows,count], whose rows belong to `sample`.
  at::Tensor painted(const at::Tensor& values, const at::Tensor& sample, const at::Tensor& input) const {
    auto shape = input.sizes().vec();
    shape[0] = values.size(0);
    shape[1] = 1;
    return values.gather(1, labels_.index_select(0, sample)).view(shape);
  }

 private:
  at::Tensor labels_;
  int64_t count_;
};

// A grid over the places of an input; d axes.
struct Grid {
  std::vector<int64_t> cells;  // along each axis; never more than places
  at::Tensor places;           // [d,P], where each place lies along each axis, counted in cells
  int64_t count = 1;           // of cells

  Grid(const at::Tensor& input, int64_t wanted) {
    const auto axes = static_cast<size_t>(input.dim()) - 2;
    std::vector<at::Tensor> along;
    for (size_t axis = 0; axis < axes; ++axis) {
      const int64_t extent = input.size(static_cast<int64_t>(axis) + 2);
      cells.push_back(std::min(wanted, extent));
      count *= cells.back();
      std::vector<int64_t> shape(axes, 1);
      shape[axis] = extent;
      const at::Tensor centres = (at::arange(extent, input.options()) + 0.5) * cells.back() / extent;
      along.push_back(centres.view(shape).expand(input.sizes().slice(2)).flatten());
    }
    places = at::stack(along);
  }

  // [P], int64: the cell that is `steps` away from the one that each place lies in; at an edge the last one.
  at::Tensor neighbour(const std::vector<int64_t>& steps) const {
    at::Tensor number = at::zeros({places.size(1)}, places.options().dtype(at::kLong));
    for (size_t axis = 0; axis < cells.size(); ++axis) {
      const at::Tensor own = places.select(0, static_cast<int64_t>(axis)).floor().to(at::kLong) + steps[axis];
      number = number * cells[axis] + own.clamp(0, cells[axis] - 1);
    }
    return number;
  }
};

// Superpixels (Achanta et al. 2012, SLIC): k-means of colour and place, in which each place knows the centres of its
// own cell of the grid and of those beside it. Ten rounds; there is no step that joins what is left over, so that a
// superpixel may have islands and an empty one none.
inline at::Tensor superpixels(const at::Tensor& input, const Grid& grid, double compactness) {
  constexpr int rounds = 10;
  const int64_t samples = input.size(0), axes = input.dim() - 2;
  const at::Tensor colours = input.flatten(2);
  const at::Tensor scale = colours.flatten(1).std(1, /*unbiased=*/false).clamp_min(1e-6).view({samples, 1, 1});
  const at::Tensor places = (compactness * grid.places).unsqueeze(0).expand({samples, -1, -1});
  const at::Tensor features = at::cat({colours / scale, places}, 1);  // [N,F,P]
  std::vector<at::Tensor> neighbours;
  std::vector<int64_t> steps(static_cast<size_t>(axes), -1);
  for (bool more = true; more;) {
    neighbours.push_back(grid.neighbour(steps));
    more = false;
    for (size_t axis = 0; axis < steps.size() && !more; ++axis) {
      more = steps[axis] < 1;
      steps[axis] = more ? steps[axis] + 1 : -1;
    }
  }
  at::Tensor labels = grid.neighbour(std::vector<int64_t>(static_cast<size_t>(axes), 0)).expand({samples, -1});
  at::Tensor centres = at::zeros({samples, features.size(1), grid.count}, features.options());
  for (int round = 0; round < rounds; ++round) {
    const at::Tensor sizes = at::zeros({samples, 1, grid.count}, features.options())
                                 .scatter_add(2, labels.unsqueeze(1), at::ones_like(features.narrow(1, 0, 1)));
    const at::Tensor sums = at::zeros_like(centres).scatter_add(2, labels.unsqueeze(1).expand_as(features), features);
    centres = at::where(sizes > 0, sums / sizes.clamp_min(1), centres);
    at::Tensor nearest = at::full(labels.sizes(), std::numeric_limits<double>::infinity(), features.options());
    at::Tensor found = labels;
    for (const at::Tensor& neighbour : neighbours) {
      const at::Tensor distance = (features - centres.index_select(2, neighbour)).square().sum(1);
      found = at::where(distance < nearest, neighbour.expand_as(labels), found);
      nearest = at::minimum(nearest, distance);
    }
    labels = found;
  }
  return labels;
}

// What Segments::parameters() ask for.
struct SegmentChoice {
  bool grid;
  int64_t cells;
  double compactness;
  std::optional<double> fill;

  explicit SegmentChoice(const Parameters& parameters)
      : grid(parameters.string("segments") == "grid"),
        cells(parameters.integer("cells")),
        compactness(parameters.real("compactness")),
        fill(parameters.number("fill")) {}

  Segments of(const at::Tensor& given) const {
    const at::NoGradGuard no_graph;
    const at::Tensor input = given.detach();
    const Grid cover(input, cells);
    const std::vector<int64_t> here(cover.cells.size(), 0);
    if (grid) return {cover.neighbour(here).expand({input.size(0), -1}), cover.count};
    return {superpixels(input, cover, compactness), cover.count};
  }
};

// The scores [N,rows] of every sample with some of its segments hidden, for each target. Row r of `kept` [rows,count]
// has 1 for the segments that stay.
inline std::vector<at::Tensor> segment_scores(Pass& pass, const std::vector<Target>& targets, const Segments& segments,
                                              const at::Tensor& kept, const std::optional<double>& fill) {
  const at::Tensor& input = pass.input();
  const at::Tensor hidden = filling(input, fill);
  return scores_of(pass, targets, kept.size(0), [&](const at::Tensor& sample, const at::Tensor& row) {
    const at::Tensor mask = segments.painted(kept.index_select(0, row), sample, input);
    return at::where(mask > 0, input.index_select(0, sample), hidden.index_select(0, sample));
  });
}

// `values` [N,count] at their places: a map.
inline AttentionMap segment_map(const Segments& segments, const at::Tensor& values, const at::Tensor& input) {
  const at::Tensor every = at::arange(input.size(0), input.options().dtype(at::kLong));
  return {segments.painted(values, every, input).contiguous(), true};
}

}  // namespace attune::plugins
