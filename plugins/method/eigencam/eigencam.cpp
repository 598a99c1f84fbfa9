// What varies most in the features of a layer: their first principal component, cell by cell. No class has a part in
// it. The map has the size of the layer and one channel, and its mean is zero.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, `n` positions `s`):
//
// ```
// X_sc   = A_c(s) - (1/n) sum_t A_c(t)
// X      = U S V'                               the singular value decomposition
// map(s) = sum_c X_sc V_c1
// ```
//
// Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", 2020, with the mean taken away, as
// pytorch-grad-cam has it. A singular vector has no sign of its own, and decompositions give either. Here the map grows
// with the length of the features: its sign is the one with
//
// ```
// sum_s map(s) sum_c A_c(s)^2  >=  0
// ```
//
// The derivative is that of the first component alone; LibTorch's own, of the whole decomposition, divides by
// differences of singular values that vanish. It is left out where the first two values are equal.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, no backward pass, and one singular value decomposition
// per sample, of as many rows as the layer has cells and as many columns as it has channels. All targets share it.
//
// ## Where it misleads
//
// - It explains no class and no decision: it is the same for every target, and a network with a random last layer has
//   the same map.
// - What varies most can be the background, a watermark or the picture's border. The rule of the sign cannot tell;
// where
//   the objects are the places with weak features, they are negative.
// - Where the first two singular values are close, the direction is chance, and a small change of the input turns it.
//   In a loss the gradient is large there.
// - The mean is zero by construction: half of a blank picture's noise is positive.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method eigencam --method eigen_gradcam --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "What varies most in the features is what speaks for the class",
//   "target": "top1",
//   "maps": {
//     "eigen": {"use": "eigencam", "layer": "auto"},
//     "cam": {"use": "gradcam", "layer": "auto"}
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
  Descriptor d = plugins::cam_descriptor("eigencam", "Eigen-CAM");
  d.summary = "First principal component of a layer's features, the same for every class";
  d.citation = "Muhammad and Yeasin 2020";
  d.formula = "first principal component of A";
  d.misleads = "It is the same for every class, and what varies most can be the background";
  d.reads = {"features"};
  d.parameters = {plugins::layer_parameter()};
  d.backward_passes = 0;
  return d;
}

class EigenCam final : public plugins::FeatureMethod {
 public:
  using FeatureMethod::FeatureMethod;

 protected:
  at::Tensor map_of(const at::Tensor& features, Pass&) const override {
    return plugins::principal_map(features, features.square().sum(1, /*keepdim=*/true));
  }
};

}  // namespace

ATTUNE_PLUGIN("eigencam", ATTUNE_VERSION, registry) { registry.add_method<EigenCam>(descriptor()); }
