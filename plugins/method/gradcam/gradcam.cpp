// Grad-CAM: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization";
// Mirzazadeh et al. 2022 (ATCON), Eq. 3.

#include <string>

#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "gradcam";
  d.title = "Grad-CAM";
  d.summary = "Feature maps of a layer, weighted by the spatial mean of the class score's gradient and summed";
  d.citation = "Selvaraju et al. 2017, Eq. 1 and 2; Mirzazadeh et al. 2022, Eq. 3";
  d.parameters = {
      layer("layer", "auto", "Layer whose feature maps are combined; auto is the last with spatial extent"),
      boolean("relu", false, "Keep the positive part only, as the original paper does"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;  // from the score to the layer only
  return d;
}

class GradCam final : public AttentionMethod {
 public:
  explicit GradCam(const Parameters& parameters)
      : layer_(parameters.string("layer")), relu_(parameters.boolean("relu")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor feature_maps = pass.activation(layer_);
    const at::Tensor gradient = pass.gradients(pass.score(target), {feature_maps})[0];
    const at::Tensor weights = gradient.flatten(2).mean(2, /*keepdim=*/true).transpose(1, 2);  // [N,1,C]
    auto shape = feature_maps.sizes().vec();
    shape[1] = 1;
    const at::Tensor map = at::matmul(weights, feature_maps.flatten(2)).view(shape);
    return {relu_ ? at::relu(map) : map, false, {layer_}};
  }

 private:
  std::string layer_;
  bool relu_;
};

}  // namespace

ATTUNE_PLUGIN("gradcam", ATTUNE_VERSION, registry) { registry.add_method<GradCam>(descriptor()); }
