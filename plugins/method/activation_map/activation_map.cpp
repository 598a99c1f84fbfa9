// Where the activations of a layer are large, whatever the class: the mean over its channels of their magnitudes,
// raised to a power. It takes no gradient at all, so that it is the cheapest map there is.
//
// ## Equation
//
// With the activations `A` of a layer, [N,K,S1..Sd]:
//
// ```
// map(s) = (1/K) sum_k |A_k(s)|^power
// ```
//
// Zagoruyko and Komodakis, "Paying More Attention to Attention: Improving the Performance of Convolutional Neural
// Networks via Attention Transfer", 2017, section 3.1, who sum over channels; the mean lets layers of different width
// be compared.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, up to the layer. In a loss it needs no second derivative.
//
// ## Where it misleads
//
// - It says nothing of a class: all targets have the same map.
// - A channel that is large everywhere, whatever it means, decides.
// - After batch norm without a rectifier negative activations count as positive ones do.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Is the layer active where the class score depends on the input?",
//   "target": "top1",
//   "maps": {
//     "activation": {"use": "activation_map", "layer": "auto", "power": 2},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["activation", "gb"], "match": {"use": "pool", "kind": "average"}, "compare": "pearson"}
//   ]
// }
// ```

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "activation_map";
  d.title = "Activation map";
  d.groups = {"cam"};
  d.summary = "Mean over a layer's channels of the magnitudes of its activations, raised to a power";
  d.citation = "Zagoruyko and Komodakis 2017, section 3.1";
  d.formula = "mean_c |A_c|^power";
  d.misleads = "It is the same for every class, and a channel that is large everywhere decides";
  d.reads = {"features"};
  d.parameters = {
      layer("layer", "auto", "Layer whose activations are shown; auto is the last with spatial extent"),
      real("power", 2.0, {0.5, 8}, "Of the magnitudes; the larger, the more the strongest channels count"),
  };
  d.forward_passes = 1;
  d.backward_passes = 0;
  return d;
}

class ActivationMap final : public AttentionMethod {
 public:
  explicit ActivationMap(const Parameters& parameters)
      : layer_(parameters.string("layer")), power_(parameters.real("power")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target&) const override {
    const at::Tensor magnitudes = pass.activation(layer_).abs();
    const at::Tensor powers = power_ == 2 ? magnitudes.square() : magnitudes.pow(power_);
    return {powers.mean(1, /*keepdim=*/true), false, {layer_}};
  }

 private:
  std::string layer_;
  double power_;
};

}  // namespace

ATTUNE_PLUGIN("activation_map", ATTUNE_VERSION, registry) { registry.add_method<ActivationMap>(descriptor()); }
