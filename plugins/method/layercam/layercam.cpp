// A class map that stays sharp in early layers: each cell of a feature map is weighed by its own gradient, where that
// is positive. The map has the size of the layer and one channel; behind a rectifier it is nowhere negative.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`) and the score `y` of the class before softmax:
//
// ```
// map(s) = sum_c  max(0, dy/dA_c(s))  A_c(s)              relu=true: max(0, map(s))
// ```
//
// Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", 2021. The authors
// take the maximum of maps of several layers; `layers_mean` and `refine` join maps of layers too.
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
// - Features that lower the score are left out, so that evidence against the class does not show, and maps of different
//   classes look alike.
// - In a layer without a rectifier (a convolution, a block that ends in an addition) features are negative too: a
//   positive gradient then makes a negative value.
// - Early layers show fine edges near the object, which says that the model reads them, not that they decide.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method layercam --method early=layercam:layer=layer2
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "LayerCAM agrees with guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "layercam", "layer": "auto", "relu": true},
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
  Descriptor d = plugins::cam_descriptor("layercam", "LayerCAM");
  d.summary = "Feature maps of a layer, weighted cell by cell by the positive part of the gradient and summed";
  d.citation = "Jiang et al. 2021";
  d.formula = "sum_c max(0, g_c) A_c";
  d.misleads = "Evidence against the class does not show: maps of different classes look alike";
  return d;
}

at::Tensor layercam(const at::Tensor& features, const at::Tensor& gradient) {
  return (at::relu(gradient) * features).sum(1, /*keepdim=*/true);
}

}  // namespace

ATTUNE_PLUGIN("layercam", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<layercam>>(descriptor());
}
