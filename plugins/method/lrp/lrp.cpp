// How much each pixel contributed to the class score when the score is handed back layer by layer, each output to its
// inputs in proportion to what they brought in. The map has the size of the input and a sign: positive where the pixel
// spoke for the class.
//
// ## Equation
//
// A linear layer or convolution with outputs `y_j = sum_i x_i w_ij + b_j`, of which the positive contributions add up
// to `p_j` and the negative ones to `n_j`, hands the relevance `R_j` of its outputs on to its inputs:
//
// ```
// epsilon      R_i = sum_j  x_i w_ij / (y_j +- epsilon)  R_j
// gamma        R_i = sum_j  (1 + gamma [of y_j's sign]) x_i w_ij / (y_j + gamma (p_j or n_j, of y_j's sign))  R_j
// z_plus       R_i = sum_j  max(x_i w_ij, 0) / p_j  R_j
// alpha_beta   R_i = sum_j  (alpha max(x_i w_ij, 0) / p_j  -  (alpha - 1) min(x_i w_ij, 0) / n_j)  R_j
// ```
//
// It starts with the score of the class, and the map is what arrives at the pixels, with the colours added. Bach et
// al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation", 2015,
// equations 56 to 60; Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, for `gamma` (here for
// inputs and outputs of either sign) and for one rule for convolutions and another for the layers above, which others
// call a composite:
//
// | composite | parameters |
// |---|---|
// | EpsilonPlus | the defaults |
// | EpsilonGamma | `convolutions=gamma` |
// | EpsilonAlpha2Beta1 | `convolutions=alpha_beta` |
// | LRP-0, LRP-epsilon | `convolutions=epsilon` |
//
// A batch norm behind a convolution is made a part of it first. ReLU and its relatives hand on what they are given,
// maxima of pooling to the maximum, means and sums in proportion. Other activations, norms, products of tensors and
// attention follow the rules of `attn_lrp`: `convolutions=gamma,linear=gamma` adds the gamma rule to it, as its
// authors do for vision transformers. What else there is keeps its derivative, a batch norm in front of a convolution
// too.
//
// The first layer has the rule of every other: those made for pixels (z-box, flat, w-square) do not hand relevance on
// in proportion to the pixel, and are not here.
//
// ## Parameters
//
// `channels` as in `saliency`, but of the relevance: `sum`, the default, is the relevance of the pixel.
//
// ## Cost
//
// Two forward passes, of which the second runs every layer with a rule three times (`epsilon`: once, `alpha_beta`: five
// times) and is shared by all classes, and one backward pass per class, longer in proportion.
//
// ## Where it misleads
//
// - It answers what the chosen rules count. Other rules give another map of the same score, and `z_plus` finds hardly
//   anything that speaks against a class: for two classes its maps are nearly the same (Sixt et al., "When Explanations
//   Lie: Why Many Modified BP Attributions Fail", 2020).
// - Biases take their share and keep it: the map does not add up to the score unless there are none.
// - The input is what the model is given, after preprocessing: with `epsilon` and `gamma` a pixel of the mean colour
//   gets nothing, whatever it shows.
// - With `epsilon` everywhere it is about input times gradient, and as noisy.
// - The authors hold patents on LRP and say so in their libraries' licences; ask before commercial use.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method lrp --method "gamma=lrp:convolutions=gamma,gamma=0.5"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Relevance by the z-plus rule, pooled, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "relevance": {"use": "lrp", "convolutions": "z_plus", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "relevance"], "match": {"use": "pool", "kind": "average"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <string>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>
#include <attune/sdk/rules.h>

#include "common/input_gradient.h"

namespace {

using namespace attune;

ParameterDeclaration rule_of(const std::string& layers, const std::string& value, const std::string& which) {
  return choice(layers, value, {"epsilon", "gamma", "z_plus", "alpha_beta"}, "Rule of " + which);
}

Descriptor descriptor() {
  Descriptor d;
  d.id = "lrp";
  d.title = "LRP";
  d.summary = "Relevance of the input to the class score, handed back layer by layer in proportion to what came in";
  d.groups = {"gradient"};
  d.citation = "Bach et al. 2015, Eq. 56 to 60; Montavon et al. 2019";
  d.formula = "R_i = sum_j x_i w_ij / z_j R_j, layer by layer down to x";
  d.misleads = "Other rules, another map of the same score; `z_plus` hardly tells classes apart";
  d.reads = {"input gradients", "rules"};
  d.parameters = {
      rule_of("convolutions", "z_plus", "convolutions"),
      rule_of("linear", "epsilon", "all other layers with weights"),
      real("epsilon", 1e-6, {1e-9, 1e6}, "How far epsilon keeps outputs from zero"),
      real("gamma", 0.25, {0, 1e6}, "How much more gamma counts contributions of the output's sign"),
      real("alpha", 2, {1, 1e3}, "Weight of positive contributions in alpha_beta; that of negative ones is one less"),
      plugins::channels_parameter("sum"),
  };
  d.forward_passes = 2;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

LinearRule made_rule(const Parameters& parameters, const std::string& layers) {
  const std::string& name = parameters.string(layers);
  if (name == "epsilon") return {LinearRule::epsilon, parameters.real("epsilon")};
  if (name == "gamma") return {LinearRule::gamma, parameters.real("gamma")};
  if (name == "z_plus") return {LinearRule::z_plus, 0};
  return {LinearRule::alpha_beta, parameters.real("alpha")};
}

class Lrp final : public AttentionMethod {
 public:
  explicit Lrp(const Parameters& parameters)
      : convolutions_(made_rule(parameters, "convolutions")),
        linear_(made_rule(parameters, "linear")),
        channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    auto* rules = static_cast<PropagationRules*>(pass.extension(PropagationRules::id));
    if (rules == nullptr) throw Error(Fault::run, "lrp needs an attune with the extension \"attune.rules/2\"");
    const uint32_t others = BackwardRules::norms | BackwardRules::activations | BackwardRules::products;
    const at::Tensor gradient = rules->gradients(target, {pass.input()}, others, convolutions_, linear_)[0];
    return {plugins::reduce_channels(gradient * pass.input(), channels_), true};
  }

 private:
  LinearRule convolutions_;
  LinearRule linear_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("lrp", ATTUNE_VERSION, registry) { registry.add_method<Lrp>(descriptor()); }
