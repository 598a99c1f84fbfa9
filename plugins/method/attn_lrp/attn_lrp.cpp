// How much each pixel contributed to the class score when the score is handed back through a transformer operator by
// operator, so that what arrives adds up to it. The map has the size of the input and a sign: positive where the pixel
// spoke for the class.
//
// ## Equation
//
// Layer-wise relevance propagation, written as input times gradient: with `R = x g` for every tensor `x` and its
// gradient `g`, some operators hand the gradient on by another rule than their derivative.
//
// ```
// y = f(x), f(0) = 0                 g(x) = g(y) y / x                       GELU, SiLU, ELU, tanh...
// y = (x - mean) / sd * w + b        g(x) = the derivative with sd constant  layer, group, instance, RMS norm
// y = a b, both from the input       g(a) = derivative / 2, g(b) likewise    query and key, weights and values, gates
// y = softmax(x)                     g(x) = the derivative
// map = x g(x)
// ```
//
// Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers", 2024: the identity
// rule (equation 9), the uniform rule (7) and the Taylor decomposition of softmax; with linear layers and convolutions
// by the epsilon rule as epsilon goes to 0, which is the derivative. `variant=cp` takes the attention weights for
// constants, so that relevance flows through the values alone, all of it: Ali et al., "XAI for Transformers: Better
// Explanations through Conservative Propagation", 2022.
//
// Norms, activations and RMS norm are known when they are written out, too. In a quotient of two tensors from the input
// the denominator is a constant. ReLU and its linear relatives need no rule. What no rule names, such as sigmoid,
// softplus, GLU, max pooling or a recurrent layer, keeps its derivative; so do quadratic forms inside of one operator
// (`baddbmm`, `cdist`).
//
// ## Parameters
//
// `channels` as in `saliency`, but of input times gradient: `sum`, the default, is the relevance of the pixel, with the
// colours' relevances added.
//
// ## Cost
//
// Two forward passes, of which the second, with the rules, is shared by all classes and variants of the run, and one
// backward pass per class.
//
// ## Where it misleads
//
// - Biases take their share and keep it: the map adds up to the score less what biases, class token and position
//   embedding contributed, which is most of the score in some models. Softmax does not conserve either.
// - The input is what the model is given, after preprocessing: a pixel of the mean colour is near zero and gets no
//   relevance, whatever it shows.
// - For ReLU networks without attention it is input times gradient, as noisy as that. Published pictures of vision
//   transformers smooth it with the gamma rule in linear layers, which is not done here; `smooth` averages over noise.
// - The parts of a product are given half each, whoever decided.
// - The authors hold patents on LRP and say so in their library's licence; ask before commercial use.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Relevance by attention-aware propagation, pooled, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "relevance": {"use": "attn_lrp", "variant": "attn", "channels": "abs_sum"}
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

Descriptor descriptor() {
  Descriptor d;
  d.id = "attn_lrp";
  d.title = "AttnLRP";
  d.summary =
      "Relevance of the input to the class score, handed back through attention, norms and activations by rules";
  d.citation = "Achtibat et al. 2024, Eq. 7 and 9; Ali et al. 2022 (cp)";
  d.formula = "sum_c x_c gx_c, gx by rules for attention, norms and activations";
  d.misleads = "Biases and embeddings keep their share of the score, which may be most of it";
  d.reads = {"input gradients", "rules"};
  d.groups = {"attention"};
  d.parameters = {
      choice("variant", "attn", {"attn", "cp"},
             "What attention weights are: variables that take half of the relevance (attn), or constants (cp)"),
      plugins::channels_parameter("sum"),
  };
  d.forward_passes = 2;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class AttnLrp final : public AttentionMethod {
 public:
  explicit AttnLrp(const Parameters& parameters)
      : rules_(BackwardRules::norms | BackwardRules::activations | BackwardRules::products |
               (parameters.string("variant") == "cp" ? BackwardRules::attention : 0U)),
        channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    auto* rules = static_cast<BackwardRules*>(pass.extension(BackwardRules::id));
    if (rules == nullptr) throw Error(Fault::run, "attn_lrp needs an attune with the extension \"attune.rules/1\"");
    const at::Tensor gradient = rules->gradients(target, {pass.input()}, rules_)[0];
    return {plugins::reduce_channels(gradient * pass.input(), channels_), true};
  }

 private:
  uint32_t rules_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("attn_lrp", ATTUNE_VERSION, registry) { registry.add_method<AttnLrp>(descriptor()); }
