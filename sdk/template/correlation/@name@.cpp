// A correlation for attune, `@id@`: how nearly two maps are equal, 1 if they are, 0 if they have nothing linear in
// common, -1 if one is the other turned upside down. Unlike Pearson's coefficient it sees differences of scale and
// offset.
//
// ## Equation
//
// With maps `a` and `b` of one sample, flattened over positions and channels, their means `ma` and `mb`, variances and
// covariance, and `w` for `offset_weight`:
//
// ```
// h = 2 cov(a, b) / ( var(a) + var(b) + w (ma - mb)^2 )
// ```
//
// Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.
//
// ## Cost
//
// A few sums over the maps.
//
// ## Where it misleads
//
// - Maps of different methods have different units, so that the value is near 0 unless the term normalises them:
//   `"normalise": "minmax"` or `"standardise"`.
// - A few extreme cells decide. Two maps that share one hot spot agree, whatever the rest does.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation, both from 0 to 1: @title@",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "name": "agreement",
//       "maps": ["cam", "gb"],
//       "match": "upsample",
//       "normalise": "minmax",
//       "compare": {"use": "@id@", "offset_weight": 1.0}
//     }
//   ]
// }
// ```

// It works as it stands: Lin's concordance coefficient. Put your own measure into correlate(), and what it is into the
// descriptor. Where it cannot work it throws an attune::Error, one sentence, of <attune/sdk/error.h>.

#include <ATen/ops/maximum.h>

#include <attune/sdk/plugin.h>

namespace {

// Said once, here: specs, `attune describe`, error messages and editors all read it.
attune::Descriptor descriptor() {
  attune::Descriptor d;
  d.id = "@id@";
  d.title = "@title@";
  d.summary = "Concordance coefficient over all positions and channels: 1 when the maps are equal";
  d.citation = "Lin 1989";
  d.parameters = {
      attune::real("offset_weight", 1, {0, 100}, "How much a difference of the maps' means counts; 1 is Lin's own"),
  };
  d.symmetric = true;
  d.affine_invariant = false;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

// Made once from its parameters, then called by several threads: no member changes later.
class @Class@ final : public attune::Correlation {
 public:
  explicit @Class@(const attune::Parameters& parameters) : offset_weight_(parameters.real("offset_weight")) {}

  // One number per sample [N], larger when the maps [N,C,S1..Sd] are more alike, in operations that autograd can
  // follow. Constant maps never come here.
  at::Tensor correlate(const attune::AttentionMap& a, const attune::AttentionMap& b) const override {
    at::Tensor x = a.values.flatten(1), y = b.values.flatten(1);
    // A common scale does not matter, but squares of tiny and huge maps would vanish and overflow.
    const at::Tensor scale = at::maximum(x.detach().abs().amax(1, true), y.detach().abs().amax(1, true));
    x = x / scale;
    y = y / scale;
    const at::Tensor mean_x = x.mean(1, true), mean_y = y.mean(1, true);
    const at::Tensor centred_x = x - mean_x, centred_y = y - mean_y;
    const at::Tensor offset = (mean_x - mean_y).square().squeeze(1) * offset_weight_;
    const at::Tensor spread = centred_x.square().mean(1) + centred_y.square().mean(1) + offset;
    return 2 * (centred_x * centred_y).mean(1) / spread.clamp_min(1e-30);
  }

 private:
  double offset_weight_;
};

}  // namespace

ATTUNE_PLUGIN("@id@", "0.1.0", registry) { registry.add_correlation<@Class@>(descriptor()); }
