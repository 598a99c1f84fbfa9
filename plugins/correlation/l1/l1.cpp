// How far apart two maps are, cell by cell: minus the mean absolute difference. 0 when they are equal, and lower the
// further apart they are. Unlike a correlation it hears the strength of a map.
//
// ## Equation
//
// With maps `a` and `b` of one sample, and the mean over positions and channels:
//
// ```
// h = - mean |a - b|
// ```
//
// Wang et al., "Self-supervised Equivariant Attention Mechanism for Weakly Supervised Semantic Segmentation", 2020
// (SEAM), and Jo and Yu, "Puzzle-CAM", 2021, compare the maps of an input and of a moved one so.
//
// ## Cost
//
// One difference of the maps.
//
// ## Where it misleads
//
// - Its unit is that of the maps, so values of two models or two methods cannot be compared.
// - It can be raised by making both maps smaller. `"normalise": "minmax"` or `"unit"` takes the scale away, and a term
//   that keeps the scores where they are, such as a loss of labels, does too.
// - A constant map is never compared: its `h` is 0, the best there is, but it has no gradient.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation have the same strength, place by place",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": "pool", "normalise": "minmax", "compare": "l1"}
//   ]
// }
// ```

#include <limits>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "l1";
  d.title = "Mean absolute difference";
  d.summary = "Minus the mean over all positions and channels of how far two maps are apart";
  d.citation = "Wang et al. 2020 (SEAM); Jo and Yu 2021 (Puzzle-CAM)";
  d.symmetric = true;
  d.minimum = -std::numeric_limits<double>::infinity();
  d.maximum = 0;
  return d;
}

class L1 final : public Correlation {
 public:
  explicit L1(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return -(a.values - b.values).abs().flatten(1).mean(1);
  }
};

}  // namespace

ATTUNE_PLUGIN("l1", ATTUNE_VERSION, registry) { registry.add_correlation<L1>(descriptor()); }
