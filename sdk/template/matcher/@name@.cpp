// A resolution matcher for attune, `@id@`: every map is averaged over the cells of one grid, and compared there with
// every other.
//
// ## Equation
//
// With a map of extent `S` along an axis and a grid of `T` cells, cell `i` is the mean of the map's cells
//
// ```
// floor(i S / T) <= j < ceil((i + 1) S / T)
// ```
//
// along each axis. A map that is coarser than the grid is repeated.
//
// ## Cost
//
// No pass through the model, and very little time.
//
// ## Where it misleads
//
// - Agreement within a cell is not seen, nor is disagreement.
// - The mean of a signed map can vanish where the map is strong: use maps without sign, or `"channels": "abs_sum"`.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation on one grid: @title@",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"name": "agreement", "maps": ["cam", "gb"], "match": {"use": "@id@", "cells": 7}, "compare": "pearson"}
//   ]
// }
// ```

// It works as it stands: every map is averaged over the cells of one grid. Put your own way to bring maps to one size
// into match(), and what it is into the descriptor. Where it cannot work it throws an attune::Error, one sentence, of
// <attune/sdk/error.h>.

#include <ATen/ops/adaptive_avg_pool1d.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <vector>

#include <attune/sdk/plugin.h>

namespace {

// Said once, here: specs, `attune describe`, error messages and editors all read it.
attune::Descriptor descriptor() {
  attune::Descriptor d;
  d.id = "@id@";
  d.title = "@title@";
  d.summary = "Every map averaged over the cells of one grid, whatever its own size";
  d.citation = "none";
  d.parameters = {
      attune::integer("cells", 7, {1, 1024}, "Cells of the grid along every axis"),
  };
  return d;
}

// Made once from its parameters, then called by several threads: no member changes later.
class @Class@ final : public attune::ResolutionMatcher {
 public:
  explicit @Class@(const attune::Parameters& parameters) : cells_(parameters.integer("cells")) {}

  // Pairs of maps of equal size, here each map with each later one; a term's h is the mean over the pairs. The whole
  // batch at once, in operations that autograd can follow.
  attune::MatchedPairs match(attune::MatchContext&, const std::vector<attune::AttentionMap>& maps) const override {
    std::vector<attune::AttentionMap> matched;
    for (const attune::AttentionMap& map : maps) matched.push_back({averaged(map.values), false});
    attune::MatchedPairs pairs;
    for (size_t i = 0; i < matched.size(); ++i) {
      for (size_t j = i + 1; j < matched.size(); ++j) pairs.emplace_back(matched[i], matched[j]);
    }
    return pairs;
  }

 private:
  // Maps are [N,C,S1..Sd] with d = 1 (signals), 2 (images) or 3 (clips).
  at::Tensor averaged(const at::Tensor& map) const {
    const std::vector<int64_t> grid(static_cast<size_t>(map.dim() - 2), cells_);
    if (grid.size() == 1) return at::adaptive_avg_pool1d(map, grid);
    return grid.size() == 2 ? at::adaptive_avg_pool2d(map, grid) : at::adaptive_avg_pool3d(map, grid);
  }

  int64_t cells_;
};

}  // namespace

ATTUNE_PLUGIN("@id@", "0.1.0", registry) { registry.add_matcher<@Class@>(descriptor()); }
