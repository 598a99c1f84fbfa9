// The share of the first map's positive energy that lies inside of the second map, which is a mask: an annotation, or a
// map from 0 to 1. 1 means that the model looks nowhere else.
//
// ## Equation
//
// With `a+ = max(a, 0)` of the first map and `m = min(max(b, 0), 1)` of the second, summed over positions and channels:
//
// ```
// h = sum a+ m / sum a+
// ```
//
// Wang et al., "Score-CAM", 2020, measure it with boxes (the energy-based pointing game, EPG); Rao et al.,
// "Studying How to Efficiently and Effectively Guide Models with Explanations", 2023, train with it.
//
// ## Parameters
//
// It has none. The order of the maps matters: `"maps": ["cam", "box"]` measures the energy of `cam` inside of `box`.
//
// ## Cost
//
// Two sums over the maps.
//
// ## Where it misleads
//
// - It does not ask for the whole mask to be filled: one hot cell inside of it has the value 1.
// - A large box is easy: a flat map has the box's share of the picture as its value.
// - Negative parts of the map do not count, whatever they cover. A map without any positive value has the value 0 and
// no
//   gradient.
// - A mask that is a map with a gradient is raised too: where that is not wanted, `"stop_gradient": true`.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "How much of the input gradient lies where Grad-CAM is",
//   "target": "top1",
//   "maps": {
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"},
//     "cam": {"use": "gradcam", "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["gb", "cam"], "match": "upsample", "normalise": "minmax", "compare": "energy_inside"}
//   ]
// }
// ```

#include <ATen/ops/relu.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "energy_inside";
  d.title = "Energy inside";
  d.summary = "Share of the first map's positive energy that lies inside of the second, a mask from 0 to 1";
  d.citation = "Wang et al. 2020 (Score-CAM); Rao et al. 2023 (EPG)";
  d.minimum = 0;
  d.maximum = 1;
  return d;
}

class EnergyInside final : public Correlation {
 public:
  explicit EnergyInside(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor energy = plugins::rescaled(at::relu(a.values.flatten(1)));
    const at::Tensor total = energy.sum(1);
    const at::Tensor inside = (energy * b.values.flatten(1).clamp(0, 1)).sum(1);
    return inside / plugins::safe(total, total > 0);
  }
};

}  // namespace

ATTUNE_PLUGIN("energy_inside", ATTUNE_VERSION, registry) { registry.add_correlation<EnergyInside>(descriptor()); }
