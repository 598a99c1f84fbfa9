// The class activation map: where the features are that the last linear layer adds up to the class score. The map has
// the size of the layer, one channel, and a sign. It is defined for models that end in a mean over positions and one
// linear layer, and others are refused.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, `n` positions `s`) and weights `w` and bias `b` of the class
// in the linear layer behind the pooling:
//
// ```
// y      = b + sum_c w_c (1/n) sum_s A_c(s)
// map(s) = sum_c w_c A_c(s)                              relu=true: max(0, map(s))
// ```
//
// so that the mean of the map is the score less its bias. Zhou et al., "Learning Deep Features for Discriminative
// Localization", 2016, equation 2.
//
// Which weights these are a model's file does not say. The gradient does: in such a model `dy/dA_c(s) = w_c / n`
// everywhere, and `w_c` is its sum over positions. That the model is one is tried, not assumed: the gradient must be
// the same in every cell, and the outputs at 0, a half and minus once the features must lie on one straight line with
// those that they have. That holds as well where pooling, flattening and the linear layer come in another order, or
// where several linear layers follow each other.
//
// Of a target that is no class score, such as a probability, `w` is its derivative by the pooled features.
//
// ## Parameters
//
// `auto` is the last layer with spatial extent, which is the one behind which the pooling stands, if any does.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, one backward pass per class from the score to the layer
// only, and what lies behind the layer once more on three times the rows: little, in the models that it is defined for.
//
// ## Where it misleads
//
// - The map is as coarse as the layer (7 x 7 for a ResNet at 224 pixels). Its smooth edges come from enlarging it.
// - A cell of the last layer has seen most of the picture. That the evidence is written there does not say that it was
//   found there.
// - Colours are scaled per picture: a strong and a weak answer look equally hot. Compare raw maps (`--raw`) instead.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method cam --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The class activation map against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "cam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include "common/cam.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>

#include <attune/sdk/error.h>

namespace {

using namespace attune;

constexpr double tolerance = 1e-3;  // of rounding in float32, relative to the largest value

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("cam", "CAM");
  d.summary =
      "Feature maps behind which a mean and a linear layer stand, weighted as that layer weighs them and summed";
  d.citation = "Zhou et al. 2016, Eq. 2";
  d.formula = "sum_c w_c A_c, w the class's weights behind the mean";
  d.misleads =
      "A cell of the last layer has seen most of the picture: evidence need not have been found where it is written";
  d.models = {"CNN", "Swin"};
  return d;
}

class Cam final : public AttentionMethod {
 public:
  explicit Cam(const Parameters& parameters) : layer_(parameters.string("layer")), relu_(parameters.boolean("relu")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor features = pass.activation(layer_);
    if (!is_affine(pass, features)) refuse(pass);
    std::vector<AttentionMap> maps;
    for (const Target& target : targets) {
      const at::Tensor gradient = pass.gradients(pass.score(target), {features})[0].flatten(2);
      if (!is_same_in_every_cell(gradient)) refuse(pass);
      const at::Tensor map = plugins::weighted_sum(gradient.sum(2), features);
      maps.push_back({relu_ ? at::relu(map) : map, false, {layer_}});
    }
    return maps;
  }

 private:
  static bool is_same_in_every_cell(const at::Tensor& gradient) {
    const at::Tensor flat = gradient.detach(), spread = (flat - flat.mean(2, /*keepdim=*/true)).abs();
    return (spread.flatten(1).amax(1) <= tolerance * flat.abs().flatten(1).amax(1)).all().item<bool>();
  }

  // Whether the outputs lie on the line from those without features to those that there are.
  bool is_affine(Pass& pass, const at::Tensor& features) const {
    const at::NoGradGuard values;
    const at::Tensor tried = at::stack({0 * features, 0.5 * features, -features}, 1).flatten(0, 1);
    const at::Tensor outputs = pass.resume({layer_}, tried).reshape({features.size(0), 3, -1});
    const at::Tensor from = outputs.select(1, 0), slope = pass.output().reshape({features.size(0), -1}) - from;
    const at::Tensor off =
        at::maximum((outputs.select(1, 1) - from - 0.5 * slope).abs(), (outputs.select(1, 2) - from + slope).abs());
    const at::Tensor largest = at::maximum(slope.abs(), from.abs()).amax(1);
    return (off.amax(1) <= tolerance * largest).all().item<bool>();
  }

  [[noreturn]] void refuse(Pass& pass) const {
    throw Error(Fault::run,
                "there is no class activation map at layer '" + pass.layer(layer_) +
                    "', as more than a mean over positions and a linear layer follows; gradcam and hirescam "
                    "need no such model");
  }

  std::string layer_;
  bool relu_;
};

}  // namespace

ATTUNE_PLUGIN("cam", ATTUNE_VERSION, registry) { registry.add_method<Cam>(descriptor()); }
