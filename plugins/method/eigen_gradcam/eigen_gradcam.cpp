// What varies most in the evidence for a class: the first principal component of a layer's features times the class
// score's gradient. The map has the size of the layer and one channel, and its mean is zero.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, `n` positions `s`) and the score `y` of the class before
// softmax:
//
// ```
// E_sc   = dy/dA_c(s) A_c(s)
// X_sc   = E_sc - (1/n) sum_t E_tc
// X      = U S V'                               the singular value decomposition
// map(s) = sum_c X_sc V_c1
// ```
//
// It has no paper: pytorch-grad-cam introduced it as EigenGradCAM. A singular vector has no sign of its own, and
// decompositions give either. Here the map grows with the evidence, which is the map of HiResCAM: its sign is the one
// with
//
// ```
// sum_s map(s) sum_c E_sc  >=  0
// ```
//
// The derivative is that of the first component alone; it is left out where the first two singular values are equal.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, one backward pass per class from the score to the layer
// only, and one singular value decomposition per sample and class.
//
// ## Where it misleads
//
// - The component that varies most is not the sum: evidence that lies in many channels, a little in each, is lost. Hold
//   it against `hirescam`.
// - Where the first two singular values are close, the direction is chance, and a small change of the input turns it.
//   In a loss the gradient is large there.
// - The mean is zero by construction: something is positive even where everything speaks against the class.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method eigen_gradcam --method hirescam --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The main direction of the evidence against all of it",
//   "target": "top1",
//   "maps": {
//     "eigen": {"use": "eigen_gradcam", "layer": "auto"},
//     "cam": {"use": "hirescam", "layer": "auto"}
//   },
//   "terms": [
//     {"maps": ["eigen", "cam"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"
#include "common/principal.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("eigen_gradcam", "Eigen-Grad-CAM");
  d.summary = "First principal component of a layer's features times the class score's gradient";
  d.citation = "pytorch-grad-cam, EigenGradCAM";
  d.formula = "first principal component of g_c A_c";
  d.misleads = "Evidence that many channels hold a little of is lost";
  d.parameters = {plugins::layer_parameter()};
  return d;
}

at::Tensor eigen_gradcam(const at::Tensor& features, const at::Tensor& gradient) {
  const at::Tensor evidence = gradient * features;
  return plugins::principal_map(evidence, evidence.sum(1, /*keepdim=*/true));
}

}  // namespace

ATTUNE_PLUGIN("eigen_gradcam", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<eigen_gradcam>>(descriptor());
}
