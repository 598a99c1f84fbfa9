// Minus the energy of the first map outside of the second, which is a mask: an annotation of what matters, or a map
// from 0 to 1. 0 means that nothing of the map lies outside. Unlike `energy_inside` it does not push the map up inside
// of the mask, it only pulls it down outside.
//
// ## Equation
//
// With the first map `a` and `m = min(|b|, 1)` of the second, summed over positions and channels:
//
// ```
// h = - sum ( a (1 - m) )^2
// ```
//
// Ross et al., "Right for the Right Reasons: Training Differentiable Models by Constraining their Explanations", 2017,
// where `a` is the input's gradient of the sum of the log-probabilities.
//
// ## Parameters
//
// It has none. The order of the maps matters: the mask is the second one. An annotation of what must *not* be looked at
// is not what it asks for.
//
// ## Cost
//
// One sum over the maps.
//
// ## Where it misleads
//
// - A map that is small everywhere has the best value. Beside it a loss of labels keeps the model's answer, as in the
//   paper.
// - It is a sum, as in the paper: maps of four times as many cells have four times its value. Choose the weight for one
//   size.
// - Its unit is the square of the map's.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Input gradients vanish where Grad-CAM is low",
//   "target": "top1",
//   "maps": {
//     "gradient": {"use": "saliency", "channels": "max_abs"},
//     "cam": {"use": "gradcam", "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["gradient", "cam"], "match": "upsample", "normalise": "minmax", "compare": "energy_outside"}
//   ]
// }
// ```

#include <limits>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "energy_outside";
  d.title = "Energy outside";
  d.summary = "Minus the sum of the first map's squares outside of the second, a mask from 0 to 1";
  d.citation = "Ross et al. 2017 (RRR)";
  d.minimum = -std::numeric_limits<double>::infinity();
  d.maximum = 0;
  return d;
}

class EnergyOutside final : public Correlation {
 public:
  explicit EnergyOutside(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor outside = 1 - b.values.abs().clamp_max(1);
    return -(a.values * outside).square().flatten(1).sum(1);
  }
};

}  // namespace

ATTUNE_PLUGIN("energy_outside", ATTUNE_VERSION, registry) { registry.add_correlation<EnergyOutside>(descriptor()); }
