// Small maps enlarged to the largest: Mirzazadeh et al. 2022 (ATCON), "upsampling".

#include <algorithm>
#include <cmath>

#include <attune/sdk/plugin.h>

#include "common/axes.h"
#include "common/matching.h"

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
    const auto largest = std::max_element(maps.begin(), maps.end(), [](const AttentionMap& a, const AttentionMap& b) {
      return plugins::positions(a.values) < plugins::positions(b.values);
    });
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
