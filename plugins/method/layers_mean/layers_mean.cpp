// The mean of the maps that a method makes of several layers: warm is what any of them marks, hot what all of them do.
// The map has the size of the input, one channel, and values from 0 to 1.
//
// ## Equation
//
// With the map `M_l` of the nested method at each of `L` layers, enlarged to the input's size by linear interpolation:
//
// ```
// H_l(s) = (P_l(s) - min P_l) / (max P_l - min P_l)         P_l = enlarge(max(0, M_l))
// map(s) = (1/L) sum_l H_l(s)
// ```
//
// It has no paper: pytorch-grad-cam does this with several target layers. A layer without any positive value adds zero.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and the backward passes of the nested method for each
// layer.
//
// ## Where it misleads
//
// - Every layer is brought to 0..1, so that one in which hardly anything speaks for the class counts like the others.
// - Early layers mark edges everywhere; in the mean they are a haze over the whole picture. `refine` multiplies
// instead.
// - Negative evidence is left out before the mean is taken.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method "layers_mean:of=layercam,layers=layer3,layer4"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The mean over layers against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "mean": {"use": "layers_mean", "of": "layercam", "layers": ["auto"]},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["mean", "gb"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include "common/over_layers.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::over_layers_descriptor("layers_mean", "Mean over layers", "gradcam");
  d.summary = "Mean of a method's maps of several layers, each enlarged and brought to 0..1";
  d.citation = "pytorch-grad-cam, several target layers";
  d.formula = "mean_l minmax(max(0, M_l))";
  d.misleads = "A layer in which hardly anything speaks for the class counts like the others";
  return d;
}

at::Tensor sum(const at::Tensor& before, const at::Tensor& more) { return before + more; }

class LayersMean final : public plugins::OverLayers<sum> {
 public:
  using OverLayers::attend;
  using OverLayers::OverLayers;

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    auto maps = OverLayers::attend(pass, targets);
    for (AttentionMap& map : maps) map.values = map.values / static_cast<double>(count());
    return maps;
  }
};

}  // namespace

ATTUNE_PLUGIN("layers_mean", ATTUNE_VERSION, registry) { registry.add_method<LayersMean>(descriptor()); }
