// @title@, an attention method for attune.
//
// It works as it stands: HiResCAM, and LayerCAM with `positive`. Put your own map into attend(), what it reads of the
// pass into needs(), and what it is into the descriptor. Where it cannot work it throws an attune::Error, one sentence, of
// <attune/sdk/error.h>.

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
