// Where the features of a layer, each weighed by its own gradient, speak for a class. The map has the size of the
// layer, one channel, and a sign: positive where what is there raises the class score, negative where it lowers it.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`) and the score `y` of the class before softmax:
//
// ```
// map(s) = sum_c  dy/dA_c(s)  A_c(s)              relu=true: max(0, map(s))
// ```
//
// Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
// 2020. Where the layer is followed by mean pooling and one linear layer alone, this is Grad-CAM, and both are the
// class activation map, but for a factor. Where rectifiers and pooling without biases follow, the map adds up to the
// score.
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
// - It is input times gradient, taken at a layer: a feature that is zero gets nothing, however much the class would
//   change with it.
// - In early layers the gradient changes from cell to cell, and the map is grainy. There is no mean that hides it.
// - The map is as coarse as the layer. Its smooth edges come from enlarging it.
// - Where only the class token is read, tokens after the last attention have no gradient, and the map is zero.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method hirescam --method early=hirescam:layer=layer3 --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "HiResCAM agrees with itself where all but what it marks is masked",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "hirescam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "mask", "source": "cam", "scale": "std"}, "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("hirescam", "HiResCAM");
  d.summary = "Feature maps of a layer, weighted cell by cell by the class score's gradient and summed";
  d.citation = "Draelos and Carin 2020";
  d.formula = "sum_c g_c A_c";
  d.misleads = "A feature that is zero gets nothing, however much the class would change with it";
  return d;
}

at::Tensor hirescam(const at::Tensor& features, const at::Tensor& gradient) {
  return (gradient * features).sum(1, /*keepdim=*/true);
}

}  // namespace

ATTUNE_PLUGIN("hirescam", ATTUNE_VERSION, registry) {
  registry.add_method<plugins::GradientCam<hirescam>>(descriptor());
}
