// Grad-CAM with weights that count the places where a feature map raises the score, so that several objects of one
// class show, not only the largest. The map has the size of the layer, one channel, and no weight is negative.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`), the score `y` of the class before softmax and
// `g_c = dy/dA_c`:
//
// ```
// a_c(s) = g_c(s)^2 / (2 g_c(s)^2 + g_c(s)^3 sum_t A_c(t))  =  1 / (2 + g_c(s) sum_t A_c(t))
// w_c    = sum_s  a_c(s) max(0, g_c(s))
// map(s) = sum_c  w_c A_c(s)                              relu=true: max(0, map(s))
// ```
//
// Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", 2018, equations 7
// and 19. The powers of `g` are those of the derivatives of `exp(y)`, which is what the paper explains; the factor
// `exp(y)` itself is the same everywhere and is left out.
//
// The second form of `a` needs no constant against zeros. Where the `g` of a cell is not positive it does not matter.
// The paper's features come from a rectifier; of others the sum can be negative and the denominator zero. A negative
// sum counts as zero here, so that `a` is never above one half.
//
// pytorch-grad-cam adds 1e-6 to the first form's denominator, which is not small beside `g^2` where a layer has many
// cells: at the last features of SqueezeNet no `g` reaches 0.002, and that constant decides about the weights.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// layer only. No second or third derivative is taken.
//
// ## Where it misleads
//
// - It only counts what raises the score: a channel that speaks against the class in most places still gets a positive
//   weight from the few where it does not. Maps of different classes look more alike than those of Grad-CAM.
// - The map is as coarse as the layer. Its smooth edges come from enlarging it.
// - One weight per channel, whatever the place: in early layers the map shows edges and textures.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam --method gradcam_plus_plus
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM++ against Grad-CAM of the same layer",
//   "target": "top1",
//   "maps": {
//     "plus": {"use": "gradcam_plus_plus", "layer": "auto"},
//     "cam": {"use": "gradcam", "layer": "auto"}
//   },
//   "terms": [
//     {"maps": ["plus", "cam"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("gradcam_plus_plus", "Grad-CAM++");
  d.summary = "Feature maps of a layer, weighted by their positive gradients, which count places rather than area";
  d.citation = "Chattopadhyay et al. 2018, Eq. 7 and 19";
  d.formula = "sum_c w_c A_c, w_c = sum_s max(0, g_c) / (2 + g_c sum A_c)";
  d.misleads = "It counts only what raises the score: maps of different classes look alike";
  return d;
}

at::Tensor gradcam_plus_plus(const at::Tensor& features, const at::Tensor& gradient) {
  const at::Tensor positive = at::relu(gradient);
  const at::Tensor total = plugins::beside_cells(at::relu(features.flatten(2).sum(2)), features);
  return plugins::weighted_sum((positive / (2 + positive * total)).flatten(2).sum(2), features);
}

}  // namespace

ATTUNE_PLUGIN("gradcam_plus_plus", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<gradcam_plus_plus>>(descriptor());
}
