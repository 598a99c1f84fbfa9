// An attention method for attune, `@id@`: a map of the regions whose features speak for a class, as coarse as the layer
// it is taken at.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, positions `s`) and the score `y` of the class before softmax:
//
// ```
// map(s) = sum_c  dy / dA_c(s)  A_c(s)              positive=true: max(0, dy / dA_c(s)) A_c(s)
// ```
//
// Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
// 2020. With `positive`: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", 2021.
//
// ## Cost
//
// One forward pass, shared with the other maps of a run, and one backward pass per class, down to the layer.
//
// ## Where it misleads
//
// - The map is as coarse as the layer; its smooth edges come from enlarging it.
// - A gradient says what a small change would do. Where the model is saturated, important regions can be dark.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "@title@ against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "mine": {"use": "@id@", "layer": "auto", "positive": false},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"name": "agreement", "maps": ["mine", "gb"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

// It works as it stands: HiResCAM, and LayerCAM with `positive`. Put your own map into attend(), what it reads of the
// pass into needs(), and what it is into the descriptor. Where it cannot work it throws an attune::Error, one sentence,
// of <attune/sdk/error.h>.

#include <ATen/ops/relu.h>
#include <string>

#include <attune/sdk/plugin.h>

namespace {

// Said once, here: specs, `attune describe`, error messages and editors all read it.
attune::Descriptor descriptor() {
  attune::Descriptor d;
  d.id = "@id@";
  d.title = "@title@";
  d.summary = "Feature maps of a layer, weighted cell by cell by the class score's gradient and summed";
  d.citation = "Draelos and Carin 2020 (HiResCAM); Jiang et al. 2021 (LayerCAM)";
  d.formula = "sum_c dy/dA_c A_c";
  d.misleads = "Where the model is saturated, important regions can be dark";
  d.reads = {"features", "gradients"};
  d.parameters = {
      attune::layer("layer", "auto", "Layer whose feature maps are combined; auto is the last with spatial extent"),
      attune::boolean("positive", false, "Weight by the positive part of the gradient only, as LayerCAM does"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  return d;
}

// Made once from its parameters, then called by several threads: no member changes later.
class @Class@ final : public attune::AttentionMethod {
 public:
  explicit @Class@(const attune::Parameters& parameters)
      : layer_(parameters.string("layer")), positive_(parameters.boolean("positive")) {}

  // Everything that attend() asks of the pass; the host runs the model once for all maps.
  attune::Needs needs(const attune::Model&) const override {
    attune::Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  // The whole batch at once, in operations that autograd can follow: losses differentiate the map. The features and
  // their gradient are [N,C,S1..Sd], the map is [N,1,S1..Sd]. Of a transformer's layer they are the tokens of the grid,
  // without the class token.
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target& target) const override {
    const at::Tensor features = pass.activation(layer_);
    const at::Tensor gradient = pass.gradients(pass.score(target), {features})[0];
    const at::Tensor weights = positive_ ? at::relu(gradient) : gradient;
    return {(weights * features).sum(1, /*keepdim=*/true), /*at_input_resolution=*/false, {layer_}};
  }

 private:
  std::string layer_;
  bool positive_;
};

}  // namespace

ATTUNE_PLUGIN("@id@", "0.1.0", registry) { registry.add_method<@Class@>(descriptor()); }
