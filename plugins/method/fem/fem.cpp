// Where the features of a layer stand out from their own mean, channels that do so in many places counting more. No
// class has a part in it. The map has the size of the layer and one channel.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, `n` positions `s`), their mean `m_c` and standard deviation
// `d_c` over positions:
//
// ```
// w_c    = (1/n) #{s : A_c(s) > m_c + deviations d_c}
// map(s) = sum_c w_c A_c(s)
// ```
//
// Fuad et al., "Features Understanding in 3D CNNs for Actions Recognition in Video", 2020, who call it the Feature
// Explanation Method and take two standard deviations.
//
// To a gradient the weights are constants: a share of cells does not change with a small change of the features.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and no backward pass. All targets share the map.
//
// ## Where it misleads
//
// - It explains no class and no decision: it is the same for every target, and a network with a random last layer has
//   the same map.
// - A channel that is strong everywhere stands out nowhere and gets no weight, though the class may rest on it.
// - Few cells leave room for few outliers: of `n` cells none can be further than the square root of `n - 1` standard
//   deviations from the mean, so that with two of them a layer of up to five cells has no map at all.
// - In a layer without a rectifier features that are negative elsewhere make the map negative there.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method fem --method fem:layer=layer3,deviations=1
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "What stands out in the features is what speaks for the class",
//   "target": "top1",
//   "maps": {
//     "fem": {"use": "fem", "layer": "auto"},
//     "cam": {"use": "gradcam", "layer": "auto"}
//   },
//   "terms": [
//     {"maps": ["fem", "cam"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("fem", "FEM");
  d.summary =
      "Feature maps of a layer, weighted by how much of each stands out from its mean, the same for every class";
  d.citation = "Fuad et al. 2020";
  d.formula = "sum_c share(A_c > mean + deviations sd) A_c";
  d.misleads = "It is the same for every class, and of few cells hardly any stands out";
  d.reads = {"features"};
  d.parameters = {plugins::layer_parameter(),
                  real("deviations", 2, {0, 10}, "Standard deviations above its mean at which a feature stands out")};
  d.backward_passes = 0;
  return d;
}

class Fem final : public plugins::FeatureMethod {
 public:
  explicit Fem(const Parameters& parameters) : FeatureMethod(parameters), deviations_(parameters.real("deviations")) {}

 protected:
  at::Tensor map_of(const at::Tensor& features, Pass&) const override {
    const at::Tensor flat = features.detach().flatten(2), mean = flat.mean(2, /*keepdim=*/true);
    const at::Tensor deviation = (flat - mean).square().mean(2, /*keepdim=*/true).sqrt();
    const at::Tensor outstanding = (flat > mean + deviations_ * deviation).to(flat.scalar_type());
    return plugins::weighted_sum(outstanding.mean(2), features);
  }

 private:
  double deviations_;
};

}  // namespace

ATTUNE_PLUGIN("fem", ATTUNE_VERSION, registry) { registry.add_method<Fem>(descriptor()); }
