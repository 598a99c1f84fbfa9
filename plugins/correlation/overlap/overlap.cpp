// How much two maps share, where the first is strong: 1 when the second has at least the first one's values there, 0
// when it has none. With a negative weight it keeps the maps of two classes apart, which is what it was made for.
//
// ## Equation
//
// With the positive parts `a+` and `b+` of two maps of one sample, and the maximum over positions and channels:
//
// ```
// mask = sigmoid( sharpness (a+ / max(a+) - threshold) )
// h    = 2 sum min(a+, b+) mask / sum (a+ + b+)
// ```
//
// Wang et al., "Sharpen Focus: Learning with Attention Separability and Consistency", 2019: the attention
// separation loss `L_AS` of the true class's map `a` and the most confused class's map `b`.
//
// ## Parameters
//
// The order of the maps matters: the mask is that of the first. `threshold` 0 counts the whole map, with a weight of
// one half where it is 0.
//
// ## Cost
//
// A few sums over the maps.
//
// ## Where it misleads
//
// - Maps of other strength share little, however alike they are: bring them to one range, `"normalise": "minmax"`.
// - With a negative weight it falls when either map grows elsewhere, too.
// - At the point where one map passes the other the gradient jumps.
// - Without any positive value in both maps `h` is 0, with no gradient.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "What Grad-CAM and guided backpropagation share where Grad-CAM is strong",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": "upsample",
//       "normalise": "minmax",
//       "compare": {"use": "overlap", "threshold": 0.25, "sharpness": 100}
//     }
//   ]
// }
// ```

#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "overlap";
  d.title = "Overlap";
  d.summary = "What two maps share where the first one is strong, as a part of what both have";
  d.citation = "Wang et al. 2019 (ICASC), attention separation L_AS";
  d.parameters = {
      real("threshold", 0.25, {0, 1}, "Share of the first map's maximum where its mask is one half"),
      real("sharpness", 100.0, {1e-3, 1e4}, "Steepness of the mask's border"),
  };
  d.minimum = 0;
  d.maximum = 1;
  return d;
}

class Overlap final : public Correlation {
 public:
  explicit Overlap(const Parameters& parameters)
      : threshold_(parameters.real("threshold")), sharpness_(parameters.real("sharpness")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    at::Tensor first = at::relu(a.values.flatten(1)), second = at::relu(b.values.flatten(1));
    const at::Tensor scale = at::maximum(magnitude(first), magnitude(second));
    const at::Tensor divisor = plugins::safe(scale, scale > plugins::smallest_magnitude(scale));
    first = first / divisor;
    second = second / divisor;
    const at::Tensor peak = first.amax(1, /*keepdim=*/true);
    const at::Tensor share = first / plugins::safe(peak, peak > plugins::smallest_magnitude(peak));
    const at::Tensor mask = at::sigmoid(sharpness_ * (share - threshold_));
    const at::Tensor total = (first + second).sum(1);
    return 2 * (at::minimum(first, second) * mask).sum(1) / plugins::safe(total, total > 0.5);
  }

 private:
  static at::Tensor magnitude(const at::Tensor& rows) { return rows.detach().amax(1, /*keepdim=*/true); }

  double threshold_;
  double sharpness_;
};

}  // namespace

ATTUNE_PLUGIN("overlap", ATTUNE_VERSION, registry) { registry.add_correlation<Overlap>(descriptor()); }
