// How well the first map, as probabilities, says where the second map, a mask, is: minus the binary cross-entropy, cell
// by cell. 0 means that it is 1 inside of the mask and 0 outside.
//
// ## Equation
//
// With `p = min(max(a, e), 1 - e)` of the first map and a small `e`, and `m = min(max(b, 0), 1)` of the second:
//
// ```
// h = mean ( m log p + (1 - m) log(1 - p) )            where=everywhere
//     sum  m log p / sum m                              where=inside
// ```
//
// over positions and channels. Rao et al., "Studying How to Efficiently and Effectively Guide Models with
// Explanations", 2023, have the second as the per-pixel cross-entropy PPCE (Shen et al. 2021).
//
// ## Parameters
//
// `logits` takes the logistic function of the first map as `p`. The order of the maps matters: the mask is the second.
//
// ## Cost
//
// Two logarithms of the map.
//
// ## Where it misleads
//
// - Outside of 0 to 1 a map has no gradient. Bring it there: `"normalise": "minmax"` or `"standardise_sigmoid"`, or
//   `logits`.
// - `inside` does not mind what the map does elsewhere: a map of ones has the best value.
// - With `everywhere` and a small mask a map of zeros does well.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is hot wherever guided backpropagation is",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum", "stop_gradient": true}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": "pool",
//       "normalise": "minmax",
//       "compare": {"use": "bce", "where": "inside", "logits": false}
//     }
//   ]
// }
// ```

#include <ATen/ops/sigmoid.h>
#include <cmath>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

constexpr double smallest_probability = 1e-6;

Descriptor descriptor() {
  Descriptor d;
  d.id = "bce";
  d.title = "Binary cross-entropy";
  d.summary = "Minus the cross-entropy of the first map, as probabilities, and the second, a mask from 0 to 1";
  d.citation = "Rao et al. 2023 (PPCE)";
  d.parameters = {
      choice("where", "everywhere", {"everywhere", "inside"}, "Which cells count: all, or those of the mask"),
      boolean("logits", false, "The logistic function of the first map is taken first"),
  };
  d.minimum = std::log(smallest_probability);
  d.maximum = 0;
  return d;
}

class CrossEntropy final : public Correlation {
 public:
  explicit CrossEntropy(const Parameters& parameters)
      : inside_(parameters.string("where") == "inside"), logits_(parameters.boolean("logits")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor map = a.values.flatten(1), mask = b.values.flatten(1).clamp(0, 1);
    const at::Tensor p = (logits_ ? at::sigmoid(map) : map).clamp(smallest_probability, 1 - smallest_probability);
    if (!inside_) return (mask * p.log() + (1 - mask) * (1 - p).log()).mean(1);
    const at::Tensor total = mask.sum(1);
    return (mask * p.log()).sum(1) / plugins::safe(total, total > plugins::smallest_magnitude(total));
  }

 private:
  bool inside_;
  bool logits_;
};

}  // namespace

ATTUNE_PLUGIN("bce", ATTUNE_VERSION, registry) { registry.add_correlation<CrossEntropy>(descriptor()); }
