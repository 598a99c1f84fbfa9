// FullGrad: Srinivas and Fleuret 2019, "Full-Gradient Representation for Neural Network Visualization", Eq. 8.

#include <ATen/TensorOperators.h>
#include <string>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/matching.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "full_grad";
  d.title = "FullGrad";
  d.summary = "Input times gradient, and every bias times the gradient where it is added, magnitudes summed";
  d.citation = "Srinivas and Fleuret 2019, Eq. 8";
  d.parameters = {
      boolean("rescale", true, "Bring the part of the input and that of each layer to 0..1 first, as the paper does"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class FullGrad final : public AttentionMethod {
 public:
  explicit FullGrad(const Parameters& parameters) : rescale_(parameters.boolean("rescale")) {}

  Needs needs(const Model& model) const override {
    Needs needs;
    needs.captures = biased_layers(model);
    needs.gradients = true;
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const auto captures = biased_layers(pass.model());
    std::vector<at::Tensor> of{pass.input()};
    for (const Capture& capture : captures) of.push_back(pass.captured(capture));
    const auto gradients = pass.gradients(pass.score(target), of);
    at::Tensor map = part(gradients[0] * pass.input());
    const auto extents = plugins::extents(map);
    std::vector<std::string> layers;
    for (size_t i = 0; i < captures.size(); ++i) {
      const at::Tensor bias = pass.bias(captures[i]);
      if (!is_spatial(of[i + 1], bias, pass.input())) continue;
      map = map + plugins::resized(part(gradients[i + 1] * bias), extents, /*align_corners=*/false);
      layers.push_back(captures[i].layer);
    }
    return {map, true, layers};
  }

 private:
  static std::vector<Capture> biased_layers(const Model& model) {
    std::vector<Capture> captures;
    for (const LayerInfo& layer : model.layers()) {
      if (layer.affine) captures.push_back({layer.name, Capture::raw});
    }
    return captures;
  }

  // Convolutions and batch norm. Linear layers have no place in the picture, or one for each token.
  static bool is_spatial(const at::Tensor& activation, const at::Tensor& bias, const at::Tensor& input) {
    return activation.dim() == input.dim() && bias.size(1) == bias.numel() && bias.size(1) == activation.size(1);
  }

  // [N,C,S1..Sd] -> [N,1,S1..Sd]
  at::Tensor part(const at::Tensor& products) const {
    const at::Tensor magnitudes = products.abs();
    if (!rescale_) return magnitudes.sum(1, /*keepdim=*/true);
    auto ones = std::vector<int64_t>(static_cast<size_t>(products.dim()), 1);
    ones[0] = products.size(0);
    const at::Tensor flat = magnitudes.flatten(1);
    const at::Tensor least = flat.amin(1).view(ones), most = flat.amax(1).view(ones), range = most - least;
    return ((magnitudes - least) / (range + (range == 0))).sum(1, /*keepdim=*/true);
  }

  bool rescale_;
};

}  // namespace

ATTUNE_PLUGIN("full_grad", ATTUNE_VERSION, registry) { registry.add_method<FullGrad>(descriptor()); }
