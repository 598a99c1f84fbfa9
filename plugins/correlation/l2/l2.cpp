// How far apart two maps are: minus the mean squared difference. 0 when they are equal. Large differences count more
// than many small ones.
//
// ## Equation
//
// With maps `a` and `b` of one sample, and the mean over positions and channels:
//
// ```
// h = - mean (a - b)^2
// ```
//
// Guo et al., "Visual Attention Consistency under Image Transforms for Multi-Label Image Classification", 2019;
// Zagoruyko and Komodakis, "Paying More Attention to Attention", 2017, for maps of norm 1
// (`"normalise": "unit"`).
//
// ## Cost
//
// One difference of the maps.
//
// ## Where it misleads
//
// - Its unit is the square of the maps' unit: maps of gradients, which are small, have a loss of 1e-6 and hardly a
//   gradient beside other terms. Give the term a weight, or normalise.
// - It can be raised by making both maps smaller, as with `l1`.
// - One cell that is far off outweighs the rest of the map.
// - In float32 it overflows for maps of about 1e19.
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
//     {"maps": ["cam", "gb"], "match": "pool", "normalise": "minmax", "compare": "l2"}
//   ]
// }
// ```

#include <limits>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "l2";
  d.title = "Mean squared difference";
  d.summary = "Minus the mean over all positions and channels of the squared difference of two maps";
  d.citation = "Guo et al. 2019 (VAC); Zagoruyko and Komodakis 2017";
  d.symmetric = true;
  d.minimum = -std::numeric_limits<double>::infinity();
  d.maximum = 0;
  return d;
}

class L2 final : public Correlation {
 public:
  explicit L2(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return -(a.values - b.values).square().flatten(1).mean(1);
  }
};

}  // namespace

ATTUNE_PLUGIN("l2", ATTUNE_VERSION, registry) { registry.add_correlation<L2>(descriptor()); }
