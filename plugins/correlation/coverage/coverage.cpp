// The share of the first map's positive mass that lies where the second map is near its maximum. 1 means that all of it
// does. It was made for two layers: what an early layer looks at shall lie inside what the last layer looks at.
//
// ## Equation
//
// With `a+ = max(a, 0)` of the first map and the maximum of the second, per sample, over positions and channels:
//
// ```
// mask = sigmoid( sharpness (b / max(b) - threshold) )
// h    = sum a+ mask / sum a+
// ```
//
// Wang et al., "Sharpen Focus: Learning with Attention Separability and Consistency", ICCV 2019: their attention
// consistency loss is a constant minus `h`, with an inner layer's map as `a`, the last layer's as `b`, a threshold of
// 0.55 of the maximum and a sharpness of 100. Here `b` is divided by its maximum first, so that its scale does not
// matter.
//
// ## Parameters
//
// The order of the maps matters: `"maps": ["inner", "last"]` measures the mass of `inner` inside the mask of `last`.
//
// ## Cost
//
// A few sums over the maps.
//
// ## Where it misleads
//
// - It does not ask for the whole mask to be filled: one hot cell at the right place has the value 1.
// - It can be raised by widening the mask: a second map that is flat covers everything.
// - With a sharpness of 100 the mask's border is thin, and the second map hardly gets a gradient. Lower it to train
//   both.
// - Negative parts of the first map do not count, whatever they cover.
// - Without any positive value in one of the maps `h` is 0, with no gradient.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "How much of the input gradient lies where Grad-CAM is strong",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["gb", "cam"],
//       "match": {"use": "upsample"},
//       "compare": {"use": "coverage", "threshold": 0.5, "sharpness": 20}
//     }
//   ]
// }
// ```

#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "coverage";
  d.title = "Coverage";
  d.summary = "Share of the first map's positive mass that lies inside a soft mask of the second map's peaks";
  d.citation = "Wang et al. 2019 (ICCV), attention consistency L_AC, without its constant";
  d.parameters = {
      real("threshold", 0.55, {0, 1}, "Share of the second map's maximum where its mask is one half"),
      real("sharpness", 100.0, {1e-3, 1e4}, "Steepness of the mask's border"),
  };
  d.minimum = 0;
  d.maximum = 1;
  return d;
}

class Coverage final : public Correlation {
 public:
  explicit Coverage(const Parameters& parameters)
      : threshold_(parameters.real("threshold")), sharpness_(parameters.real("sharpness")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor mass = plugins::rescaled(at::relu(a.values.flatten(1)));
    const at::Tensor total = mass.sum(1, /*keepdim=*/true);
    const at::Tensor rows = b.values.flatten(1);
    const at::Tensor peak = rows.amax(1, /*keepdim=*/true);
    // A peak that is nothing beside the map's negative part counts as none: the quotient would overflow.
    const at::Tensor magnitude = rows.detach().abs().amax(1, /*keepdim=*/true);
    const at::Tensor has_peak = (peak > plugins::smallest_magnitude(rows)).logical_and(peak > 1e-12 * magnitude);
    const at::Tensor mask = at::sigmoid(sharpness_ * (rows / plugins::safe(peak, has_peak) - threshold_)) * has_peak;
    return ((mass * mask).sum(1, true) / plugins::safe(total, total > 0.5)).squeeze(1);
  }

 private:
  double threshold_;
  double sharpness_;
};

}  // namespace

ATTUNE_PLUGIN("coverage", ATTUNE_VERSION, registry) { registry.add_correlation<Coverage>(descriptor()); }
