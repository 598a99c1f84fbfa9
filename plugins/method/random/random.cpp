// A control: a map of random numbers. What a measure says of it is what the measure says of nothing; a method that is
// no better has not been shown to explain anything.
//
// ## Equation
//
// With independent uniform numbers `r`, drawn for each map, and the feature maps `A_c` of the layer (channel `c`,
// positions `s`):
//
// ```
// map(s) = r(s)                    of=noise:     0 <= r < 1
// map(s) = sum_c r_c A_c(s)        of=features: -1 <= r < 1
// ```
//
// The second is what pytorch-grad-cam calls RandomCAM: it shows what of a CAM comes from the features alone, whatever
// their weights.
//
// The numbers follow the map's seed. Every input of a batch and every target has the same.
//
// ## Parameters
//
// The layer gives the map its size, so that it is as coarse as the maps that it is held against.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run.
//
// ## Where it misleads
//
// - One draw is one draw. A method that beats it once may have been lucky: compare over many inputs, and mind that all
//   of a batch are held against the same numbers.
// - Noise has no large patches, as maps of models do. A method can beat it by being smooth; `of=features` and `centre`
//   are harder to beat.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam --method random --method features=random:of=features
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "How far Grad-CAM agrees with noise: near 0, or the measure is to blame",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam", "layer": "auto"},
//     "noise": {"use": "random", "layer": "auto", "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "noise"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/rand.h>

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "random";
  d.title = "Random map";
  d.summary = "Random numbers of a layer's size: a control, which explains nothing";
  d.citation = "pytorch-grad-cam, RandomCAM (features)";
  d.formula = "random numbers of a layer's size";
  d.misleads = "One draw is one draw: a method that beats it once may have been lucky";
  d.reads = {"features"};
  d.groups = {"control"};
  d.parameters = {
      layer("layer", "auto", "Layer whose size the map has; auto is the last with spatial extent"),
      choice("of", "noise", {"noise", "features"}, "A number for each cell, or for each channel of the features"),
  };
  d.differentiable = false;
  d.deterministic = false;
  return d;
}

class Random final : public plugins::FeatureMethod {
 public:
  explicit Random(const Parameters& parameters)
      : FeatureMethod(parameters), noise_(parameters.string("of") == "noise") {}

 protected:
  at::Tensor map_of(const at::Tensor& given, Pass& pass) const override {
    const at::Tensor features = given.detach();
    if (noise_) {
      auto shape = features.sizes().vec();
      shape[1] = 1;
      const at::Tensor cells = draw(features.sizes().slice(2), pass);
      return cells.to(features.options()).expand(shape).contiguous();
    }
    const at::Tensor weights = 2 * draw({features.size(1)}, pass) - 1;
    return plugins::weighted_sum(weights.to(features.options()).expand({features.size(0), -1}), features);
  }

 private:
  // On the processor and in float32, so that a seed means the same numbers everywhere.
  static at::Tensor draw(at::IntArrayRef shape, Pass& pass) { return at::rand(shape, pass.generator(), at::kFloat); }

  bool noise_;
};

}  // namespace

ATTUNE_PLUGIN("random", ATTUNE_VERSION, registry) { registry.add_method<Random>(descriptor()); }
