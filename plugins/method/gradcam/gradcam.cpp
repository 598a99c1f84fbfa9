// A coarse map of the regions whose features speak for a class. It has the size of the target layer, one channel, and a
// sign: positive where the features present raise the class score, negative where they lower it.
//
// ## Equation
//
// With the feature maps `A_c` of the target layer (channel `c`, positions `s`, `n` positions) and the score `y` of the
// class before softmax:
//
// ```
// w_c    = (1/n) sum_s  dy / dA_c(s)
// map(s) = sum_c  w_c A_c(s)              relu=true: max(0, map(s))
// ```
//
// The original paper rectifies the map (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
// Gradient-based Localization", 2017, equations 1 and 2). ATCON compares the signed map (Mirzazadeh et al. 2022,
// equation 3), and that is the default here. Pictures show the positive part either way, unless `--signed` is given.
//
// ## Parameters
//
// `auto` also needs a gradient at that layer, and can be set for all methods with `--layer`.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// layer only. With a late layer that is little more than the forward pass.
//
// ## Where it misleads
//
// - The map is as coarse as the layer (7 x 7 for a ResNet at 224 pixels). Its smooth edges come from enlarging it.
// - One weight per channel, averaged over all positions, ignores where in the picture a channel matters. In early
//   layers these averages mean little, and the map shows edges and textures.
// - Colours are scaled per picture: a strong and a weak answer look equally hot. Compare raw maps (`--raw`) instead.
// - A positive region is evidence for the class within this layer, not proof that the class depends on it.
// - Where only the class token is read, tokens after the last attention have no gradient, and the map is zero.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam --method early=gradcam:layer=layer3,relu=true
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM of the automatic layer, its positive part, against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("gradcam", "Grad-CAM");
  d.summary = "Feature maps of a layer, weighted by the spatial mean of the class score's gradient and summed";
  d.citation = "Selvaraju et al. 2017, Eq. 1 and 2; Mirzazadeh et al. 2022, Eq. 3";
  d.formula = "sum_c mean(g_c) A_c";
  d.misleads = "It is as coarse as the layer, with one weight per channel whatever the place";
  return d;
}

at::Tensor gradcam(const at::Tensor& features, const at::Tensor& gradient) {
  return plugins::weighted_sum(gradient.flatten(2).mean(2), features);
}

}  // namespace

ATTUNE_PLUGIN("gradcam", ATTUNE_VERSION, registry) { registry.add_method<plugins::GradientCam<gradcam>>(descriptor()); }
