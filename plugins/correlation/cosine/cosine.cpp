// The cosine of the angle between two maps: 1 when one is a positive multiple of the other, 0 when they share nothing.
// The scale of the maps does not matter, their offset does.
//
// ## Equation
//
// With maps `a` and `b` of one sample, summed over positions and channels:
//
// ```
// h = sum a b / sqrt( sum a^2  sum b^2 )
// ```
//
// Parchami-Araghi et al., "Good Teachers Explain: Explanation-Enhanced Knowledge Distillation", 2024
// (e2KD); Selvaraju et al., "CASTing Your Model", 2021. It is `cross_correlation` without shifts.
//
// ## Cost
//
// A few sums over the maps.
//
// ## Where it misleads
//
// - Two maps that are positive everywhere have a high value without anything in common; `pearson` takes the mean away
//   first.
// - A few extreme cells decide.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "The angle between Grad-CAM and guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": "upsample", "compare": "cosine"}
//   ]
// }
// ```

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "cosine";
  d.title = "Cosine";
  d.summary = "Cosine of the angle between two maps: 1 when one is a positive multiple of the other";
  d.citation = "Parchami-Araghi et al. 2024 (e2KD); Selvaraju et al. 2021 (CAST)";
  d.symmetric = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

class Cosine final : public Correlation {
 public:
  explicit Cosine(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return (plugins::unit(a.values.flatten(1)) * plugins::unit(b.values.flatten(1))).sum(1);
  }
};

}  // namespace

ATTUNE_PLUGIN("cosine", ATTUNE_VERSION, registry) { registry.add_correlation<Cosine>(descriptor()); }
