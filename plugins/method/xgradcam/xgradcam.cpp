// Grad-CAM with weights that ask for the gradient where a feature map is active, rather than everywhere. The map has
// the size of the layer, one channel, and a sign.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`) and the score `y` of the class before softmax:
//
// ```
// w_c    = sum_s  dy/dA_c(s) A_c(s) / sum_t A_c(t)
// map(s) = sum_c  w_c A_c(s)                              relu=true: max(0, map(s))
// ```
//
// Fu et al., "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", 2020.
// The map adds up to the sum of `dy/dA A`, which is the score where only rectifiers and pooling without biases follow.
//
// The paper's features come from a rectifier. A feature map that is zero everywhere has no weight; nor has one whose
// negative and positive values cancel, to less than a millionth of their magnitude.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// layer only.
//
// ## Where it misleads
//
// - In a layer without a rectifier (a convolution, a block that ends in an addition) the sum of a channel can be near
//   zero by chance. Its weight is then huge, and the map is that channel's. Take the layer behind the rectifier.
// - The map is as coarse as the layer. Its smooth edges come from enlarging it.
// - One weight per channel, whatever the place: in early layers the map shows edges and textures.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam --method xgradcam
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "XGrad-CAM against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "xgradcam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"
#include "common/rows.h"

namespace {

using namespace attune;

constexpr double cancelled = 1e-6;  // a sum of this share of its terms' magnitude counts as zero

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("xgradcam", "XGrad-CAM");
  d.summary = "Feature maps of a layer, weighted by the gradient where each is active and summed";
  d.citation = "Fu et al. 2020";
  d.formula = "sum_c w_c A_c, w_c = sum g_c A_c / sum A_c";
  d.misleads = "Where features have both signs, one channel whose sum is near zero can be all of the map";
  return d;
}

at::Tensor xgradcam(const at::Tensor& features, const at::Tensor& gradient) {
  const at::Tensor flat = features.flatten(2), total = flat.sum(2);
  const at::Tensor valid = total.abs() > cancelled * flat.abs().sum(2);
  const at::Tensor attributed = (gradient.flatten(2) * flat).sum(2);
  const at::Tensor weights = at::where(valid, attributed / plugins::safe(total, valid), at::zeros_like(total));
  return plugins::weighted_sum(weights, features);
}

}  // namespace

ATTUNE_PLUGIN("xgradcam", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<xgradcam>>(descriptor());
}
