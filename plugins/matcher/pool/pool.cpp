// Brings maps of different sizes to the size of the smallest: windows of cells of the larger maps become one cell,
// their maximum or their mean. Every map is then compared with every other.
//
// ## Equation
//
// With a map of extent `S` along an axis and the smallest map's extent `T`, cell `i` of the result is the maximum or
// mean of the cells
//
// ```
// window=0:   floor(i S / T) <= j < ceil((i + 1) S / T)
// window=w:   i w <= j < (i + 1) w
// ```
//
// along each axis. Mirzazadeh et al. (ATCON) 2022 take the maximum; their published code takes the mean over windows of
// 32 by 32.
//
// ## Parameters
//
// The smallest map is the one with the fewest positions. Maps of its size are left untouched. A given `window` must
// lead to exactly that size, cells left over at the end are dropped, and anything else is an error. So is a map that is
// shorter than the smallest map along some axis. All maps need the same number of channels: give gradient maps
// `channels`, such as `abs_sum`.
//
// ## Cost
//
// No pass through the model, and very little time. Correlations on the small maps are cheap as well.
//
// ## Where it misleads
//
// - A maximum hears only the loudest cell of each window. Gradient maps are noisy, so it follows the noise; the mean is
//   calmer. Only the cell that won gets a gradient.
// - For signed maps a maximum forgets negative cells. Take absolute values first, or use `average`.
// - Few cells are left: a coefficient over 49 positions varies much from picture to picture.
// - With `window=0` and sizes that do not divide, neighbouring windows share cells.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Guided backpropagation, averaged over the cells of Grad-CAM, against it",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": {"use": "pool", "kind": "average", "window": 0},
//       "compare": "pearson"
//     }
//   ]
// }
// ```

#include <ATen/ops/adaptive_avg_pool1d.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <ATen/ops/adaptive_max_pool1d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/adaptive_max_pool3d.h>
#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/max_pool1d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool3d_with_indices.h>
#include <algorithm>
#include <string>
#include <tuple>

#include <attune/sdk/plugin.h>

#include "common/matching.h"

namespace {

using namespace attune;
using Extents = std::vector<int64_t>;

Descriptor descriptor() {
  Descriptor d;
  d.id = "pool";
  d.title = "Pooling";
  d.summary = "Larger maps pooled to the size of the smallest map";
  d.citation = "Mirzazadeh et al. 2022 (pooling)";
  d.parameters = {
      choice("kind", "max", {"max", "average"}, "What a window of cells becomes: its maximum (paper) or its mean"),
      integer("window", 0, {0, 4096}, "Window and stride along every axis; 0 chooses them to fit the smallest map"),
  };
  return d;
}

at::Tensor adaptive(const at::Tensor& x, const Extents& to, bool average) {
  if (average) {
    if (to.size() == 1) return at::adaptive_avg_pool1d(x, to);
    return to.size() == 2 ? at::adaptive_avg_pool2d(x, to) : at::adaptive_avg_pool3d(x, to);
  }
  if (to.size() == 1) return std::get<0>(at::adaptive_max_pool1d(x, to));
  return std::get<0>(to.size() == 2 ? at::adaptive_max_pool2d(x, to) : at::adaptive_max_pool3d(x, to));
}

// With indices: the only form of the maximum that has second derivatives everywhere.
at::Tensor windowed(const at::Tensor& x, const Extents& window, bool average) {
  if (average) {
    if (window.size() == 1) return at::avg_pool1d(x, window);
    return window.size() == 2 ? at::avg_pool2d(x, window) : at::avg_pool3d(x, window);
  }
  if (window.size() == 1) return std::get<0>(at::max_pool1d_with_indices(x, window));
  return std::get<0>(window.size() == 2 ? at::max_pool2d_with_indices(x, window)
                                        : at::max_pool3d_with_indices(x, window));
}

class Pool final : public ResolutionMatcher {
 public:
  explicit Pool(const Parameters& parameters)
      : average_(parameters.string("kind") == "average"), window_(parameters.integer("window")) {}

  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    plugins::check_comparable(context, maps);
    const auto smallest = std::min_element(maps.begin(), maps.end(), plugins::has_fewer_cells);
    std::vector<AttentionMap> matched = maps;
    for (size_t i = 0; i < maps.size(); ++i) {
      const Extents target = plugins::extents(smallest->values);
      if (plugins::extents(maps[i].values) == target) continue;
      check_fits(context.maps()[i].name, maps[i].values, target);
      matched[i] = {window_ > 0 ? windowed(maps[i].values, Extents(target.size(), window_), average_)
                                : adaptive(maps[i].values, target, average_),
                    smallest->at_input_resolution};
    }
    return plugins::pairs_of(matched);
  }

 private:
  void check_fits(const std::string& name, const at::Tensor& map, const Extents& target) const {
    Extents pooled = plugins::extents(map);
    for (size_t axis = 0; axis < target.size(); ++axis) {
      if (pooled[axis] < target[axis]) {
        throw Error(Fault::run, "map " + plugins::named(name, map) + " cannot be pooled to the smallest size " +
                                    plugins::to_text(target) + ", which is longer along one axis; use \"upsample\"");
      }
      if (window_ > 0) pooled[axis] /= window_;
    }
    if (window_ > 0 && pooled != target) {
      throw Error(Fault::run, "map " + plugins::named(name, map) + " pooled with window " + std::to_string(window_) +
                                  " has size " + plugins::to_text(pooled) + ", not the smallest size " +
                                  plugins::to_text(target) + "; use window 0, which fits any size");
    }
  }

  bool average_;
  int64_t window_;
};

}  // namespace

ATTUNE_PLUGIN("pool", ATTUNE_VERSION, registry) { registry.add_matcher<Pool>(descriptor()); }
