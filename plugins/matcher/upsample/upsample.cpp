// Brings maps of different sizes to the size of the largest: the smaller ones are enlarged by linear interpolation,
// after Gaussian smoothing if wished. Every map is then compared with every other.
//
// ## Equation
//
// With a map `A` of extent `S` along an axis and the largest map's extent `T`, position `i` of the result is read at
//
// ```
// align_corners=false:   u = max(0, (i + 1/2) S/T - 1/2)
// align_corners=true:    u = i (S - 1) / (T - 1)
// map(i) = (1 - f) A(floor u) + f A(floor u + 1)        f = u - floor u
// ```
//
// along each axis: linear for signals, bilinear for images, trilinear for clips. With `smooth = s` every axis is first
// averaged with weights `exp(-d^2 / (2 s^2))`, cut at `4 s` and adding to 1 at the borders too.
//
// Mirzazadeh et al. (ATCON) 2022 smooth and interpolate linearly. Their published code does not smooth and aligns the
// corners.
//
// ## Parameters
//
// The largest map is the one with the most positions. Maps of its size are left untouched, and are not smoothed. All
// maps need the same number of channels: give gradient maps `channels`, such as `abs_sum`.
//
// ## Cost
//
// No pass through the model. A fraction of a forward pass even at the input's resolution.
//
// ## Where it misleads
//
// - A Grad-CAM of 7 x 7 cells has 49 numbers, also after it has 224 x 224. A fine map can agree with it only as far as
//   it is smooth itself, so coefficients stay small. Compare them between models, not with 1.
// - Interpolation assumes that a layer's cells lie evenly over the input. Padding and strides shift them a little.
// - `align_corners` moves the cells near the border by up to half a cell. Results of the two settings are not
//   comparable.
// - A map that is larger than the target along one axis is made smaller there by interpolation, which skips values.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM, smoothed and enlarged, against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": {"use": "upsample", "smooth": 0.5, "align_corners": true},
//       "compare": "pearson"
//     }
//   ]
// }
// ```

#include <algorithm>
#include <cmath>

#include <attune/sdk/plugin.h>

#include "common/matching.h"
#include "common/rows.h"

namespace {

using namespace attune;

// Below it the neighbours' weights, exp(-5000), are zero.
constexpr double narrowest = 0.01;

Descriptor descriptor() {
  Descriptor d;
  d.id = "upsample";
  d.title = "Upsampling";
  d.summary = "Smaller maps, smoothed if wished, interpolated linearly to the size of the largest map";
  d.citation = "Mirzazadeh et al. 2022 (upsampling)";
  d.parameters = {
      real("smooth", 0.0, {0, 64}, "Gaussian smoothing before resizing: sigma in cells of the resized map, 0 for none"),
      boolean("align_corners", false, "Let the centres of the corner cells coincide instead of the maps' borders"),
  };
  return d;
}

// Cut at four sigma; weights add to 1 at the borders too, so that a constant map stays.
at::Tensor smoothed(at::Tensor map, double sigma) {
  const double reach = std::ceil(4 * sigma);
  for (int64_t axis = 2; axis < map.dim(); ++axis) {
    const at::Tensor distance = plugins::offsets(map.size(axis), map.size(axis), map.options());
    const at::Tensor weights = plugins::bell(distance, sigma) * (distance.abs() <= reach);
    map = plugins::along(map, axis, weights / weights.sum(1, /*keepdim=*/true));
  }
  return map;
}

class Upsample final : public ResolutionMatcher {
 public:
  explicit Upsample(const Parameters& parameters)
      : smooth_(parameters.real("smooth")), align_corners_(parameters.boolean("align_corners")) {}

  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    plugins::check_comparable(context, maps);
    const auto largest = std::max_element(maps.begin(), maps.end(), plugins::has_fewer_cells);
    std::vector<AttentionMap> matched = maps;
    for (AttentionMap& map : matched) {
      const std::vector<int64_t> target = plugins::extents(largest->values);
      if (plugins::extents(map.values) == target) continue;
      if (smooth_ > narrowest) map.values = smoothed(map.values, smooth_);
      map = {plugins::resized(map.values, target, align_corners_), largest->at_input_resolution};
    }
    return plugins::pairs_of(matched);
  }

 private:
  double smooth_;
  bool align_corners_;
};

}  // namespace

ATTUNE_PLUGIN("upsample", ATTUNE_VERSION, registry) { registry.add_matcher<Upsample>(descriptor()); }
