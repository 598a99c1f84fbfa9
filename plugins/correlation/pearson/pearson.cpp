// How well one map is a rising linear function of the other: 1 if it is exactly that, -1 if it is a falling one, 0 if
// they have nothing linear in common. Scale and offset of the maps do not matter.
//
// ## Equation
//
// With maps `a` and `b` of one sample, flattened over positions and channels, and their means `ma` and `mb`:
//
// ```
// h = sum (a - ma)(b - mb) / sqrt( sum (a - ma)^2  sum (b - mb)^2 )
// ```
//
// Pearson, "Notes on regression and inheritance in the case of two parents", 1895; used by Mirzazadeh et al. (ATCON)
// 2022, who flatten the maps. Before the sum, each centred map is divided by its largest magnitude. That changes
// neither `h` nor its gradients, but maps of 1e-20 or 1e25 would otherwise vanish or overflow when they are squared in
// float32.
//
// ## Cost
//
// A few sums over the maps.
//
// ## Where it misleads
//
// - A few extreme cells decide. Two maps that share one hot spot correlate, whatever the rest does.
// - It cannot see how strong a map is. A map that is weak everywhere and one that is strong everywhere can be equal to
//   it.
// - Both maps covering the centre of the picture is enough for a positive value: compare with maps of other pictures.
// - A map that is constant but for rounding has a direction too, a random one. Exactly constant maps are kept away by
//   the host, and reported.
// - Neighbouring positions are not independent, so tables of significance do not apply.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "How far Grad-CAM and guided backpropagation rise and fall together",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "pearson";
  d.title = "Pearson correlation";
  d.summary =
      "Pearson coefficient over all positions and channels: 1 when one map is a rising linear function of the other";
  d.citation = "Pearson 1895; Mirzazadeh et al. 2022";
  d.symmetric = true;
  d.affine_invariant = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

class Pearson final : public Correlation {
 public:
  explicit Pearson(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return (direction(a) * direction(b)).sum(1);
  }

 private:
  static at::Tensor direction(const AttentionMap& map) {
    const at::Tensor rows = map.values.flatten(1);
    return plugins::unit(rows - rows.mean(1, /*keepdim=*/true));
  }
};

}  // namespace

ATTUNE_PLUGIN("pearson", ATTUNE_VERSION, registry) { registry.add_correlation<Pearson>(descriptor()); }
