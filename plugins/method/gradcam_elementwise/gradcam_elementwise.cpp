// The evidence for a class in the features of a layer, what speaks against it left out before anything is summed. The
// map has the size of the layer and one channel, and is nowhere negative.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`) and the score `y` of the class before softmax:
//
// ```
// map(s) = sum_c  max(0, dy/dA_c(s) A_c(s))
// ```
//
// It has no paper: pytorch-grad-cam introduced it as GradCAMElementWise. HiResCAM (`hirescam`) sums the same products
// with their signs.
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
// - Channels that speak against the class cannot cancel those for it. A place where both are strong and the score does
//   not change looks as hot as one that decides.
// - For that reason maps of different classes look more alike than those of `hirescam`.
// - The map is as coarse as the layer. Its smooth edges come from enlarging it.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam_elementwise --method hirescam
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The evidence for the class against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam_elementwise", "layer": "auto"},
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
  Descriptor d = plugins::cam_descriptor("gradcam_elementwise", "Grad-CAM, element by element");
  d.summary = "Positive products of a layer's features and the class score's gradient, summed over channels";
  d.citation = "pytorch-grad-cam, GradCAMElementWise";
  d.formula = "sum_c max(0, g_c A_c)";
  d.misleads = "What speaks against the class cannot cancel what speaks for it";
  d.parameters = {plugins::layer_parameter()};
  return d;
}

at::Tensor gradcam_elementwise(const at::Tensor& features, const at::Tensor& gradient) {
  return at::relu(gradient * features).sum(1, /*keepdim=*/true);
}

}  // namespace

ATTUNE_PLUGIN("gradcam_elementwise", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<gradcam_elementwise>>(descriptor());
}
