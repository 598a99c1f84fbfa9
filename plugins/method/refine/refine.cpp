// The maps that a method makes of several layers, multiplied: hot is only what is hot in all of them. The late layer
// says where, the early ones how exactly. The map has the size of the input, one channel, and values from 0 to 1.
//
// ## Equation
//
// With the map `M_l` of the nested method at the layer `l`, enlarged to the input's size by linear interpolation:
//
// ```
// H_l(s) = (P_l(s) - min P_l) / (max P_l - min P_l)         P_l = enlarge(max(0, M_l))
// map(s) = prod_l H_l(s)
// ```
//
// Domeniconi et al., RefineCAM, 2026, arXiv:2605.14641. The nested method is Grad-CAM++ unless another is named. A
// layer without any positive value makes the whole map zero.
//
// ## Parameters
//
// Where a model's layers differ in size, the last of each size is a good choice; `attune layers` lists them. With the
// one layer that is the default the map is that layer's, from 0 to 1.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and the backward passes of the nested method for each
// layer.
//
// ## Where it misleads
//
// - A product of maps is sharp whatever they are. That it looks exact does not say that the model is.
// - The early layers' edges pass wherever the late layer is warm, those that do not matter for the class too.
// - What one layer misses is gone. With each further layer the map becomes darker, and a few cells hold all of it.
// - Every layer is brought to 0..1, so that one in which hardly anything speaks for the class counts like the others.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method "refine:of=gradcam_plus_plus,layers=layer2,layer3,layer4"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The refined map against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "fine": {"use": "refine", "of": "gradcam_plus_plus", "layers": ["auto"]},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["fine", "gb"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include "common/over_layers.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::over_layers_descriptor("refine", "RefineCAM", "gradcam_plus_plus");
  d.summary = "A method's maps of several layers, each enlarged and brought to 0..1, multiplied";
  d.citation = "Domeniconi et al. 2026";
  d.formula = "prod_l minmax(max(0, M_l))";
  d.misleads = "What one layer misses is gone, and a product is sharp whatever it is of";
  return d;
}

at::Tensor product(const at::Tensor& before, const at::Tensor& more) { return before * more; }

}  // namespace

ATTUNE_PLUGIN("refine", ATTUNE_VERSION, registry) { registry.add_method<plugins::OverLayers<product>>(descriptor()); }
