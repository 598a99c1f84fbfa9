// What a score is made of, all of it: the input, and the bias of every layer. The map has the size of the input, one
// channel, and no sign.
//
// ## Equation
//
// A network of rectifiers is linear around each input, so its score is exactly the input times its gradient and every
// bias times the gradient where it is added:
//
// ```
// y = sum x (dy/dx)  +  sum_l sum_c,s  b_lc (dy/dz_lc(s))
// ```
//
// `z_l` is the output of layer `l`, `b_l` its bias; of batch norm `b = beta - gamma mean / sqrt(variance + eps)`. The
// map adds the magnitudes, those of layers enlarged to the input's size by linear interpolation:
//
// ```
// map = sum_c f(x dy/dx)  +  sum_l sum_c enlarge(f(b_lc dy/dz_lc))         f(v) = |v|
// rescale=true:  f(v) = (|v| - min |v|) / (max |v| - min |v|), over one sample's part of the input or of a layer
// each=channel:  the same over one channel of it
// simple=true:   dy/dz_lc in place of b_lc dy/dz_lc
// ```
//
// Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", 2019, equations 2 and 8.
// Scaling is the authors' choice for pictures; without it the parts keep their weight in the score.
//
// The authors' code has a simpler variant too, which leaves the biases out and sums the gradients themselves
// (`simple`). pytorch-grad-cam's FullGrad brings every channel to 0..1 by itself (`each=channel`), so that a channel of
// noise counts as much as one that decides. It adds 1e-7 to each channel's range, which is not small beside a gradient
// times a bias: at SqueezeNet that moves its map by an eighth of the range.
//
// Layers that count are convolutions and batch norm. The biases of linear layers belong to no place, or to a token
// each, and are left out.
//
// ## Parameters
//
// ## Cost
//
// One forward pass that keeps the outputs of all convolutions and norms, and one backward pass per class from the score
// to the input. Memory is that of a training step.
//
// ## Where it misleads
//
// - With `rescale` every layer, or every channel, counts alike, however little it adds to the score, and a layer
//   without any structure fills the picture with noise.
// - The equation is exact for rectifiers and pooling. With other activations (GELU, SiLU) the parts do not add up to
//   the score.
// - Magnitudes do not say which parts speak against the class.
// - Late layers are coarse and dominate where they are many: the map looks like that of a smoother method, with fine
//   dots from the early layers.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method full_grad --method raw=full_grad:rescale=false
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "FullGrad agrees with Grad-CAM of the automatic layer",
//   "target": "top1",
//   "maps": {
//     "full": {"use": "full_grad", "rescale": false},
//     "cam": {"use": "gradcam", "layer": "auto", "relu": true}
//   },
//   "terms": [
//     {"maps": ["full", "cam"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <algorithm>
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
  d.formula = "sum_c |x_c gx_c| + sum_l sum_c |b_lc g_lc|";
  d.misleads = "Rescaled, a layer that adds hardly anything to the score counts like the others";
  d.reads = {"input gradients", "gradients", "biases"};
  d.groups = {"gradient"};
  d.parameters = {
      boolean("rescale", true, "Bring the part of the input and that of each layer to 0..1 first, as the paper does"),
      choice("each", "layer", {"layer", "channel"}, "What is rescaled by itself: a layer, or each of its channels"),
      boolean("simple", false, "Sum the layers' gradients without their biases"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class FullGrad final : public AttentionMethod {
 public:
  explicit FullGrad(const Parameters& parameters)
      : rescale_(parameters.boolean("rescale")),
        by_channel_(parameters.string("each") == "channel"),
        simple_(parameters.boolean("simple")) {}

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
      const at::Tensor added = simple_ ? gradients[i + 1] : gradients[i + 1] * bias;
      map = map + plugins::resized(part(added), extents, /*align_corners=*/false);
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
    return (rescale_ ? rescaled(magnitudes) : magnitudes).sum(1, /*keepdim=*/true);
  }

  at::Tensor rescaled(const at::Tensor& magnitudes) const {
    const int64_t axes = by_channel_ ? 2 : 1;
    auto shape = magnitudes.sizes().vec();
    std::fill(shape.begin() + axes, shape.end(), 1);
    const at::Tensor flat = magnitudes.flatten(axes);
    const at::Tensor least = flat.amin(axes).view(shape), most = flat.amax(axes).view(shape), range = most - least;
    return (magnitudes - least) / (range + (range == 0));
  }

  bool rescale_;
  bool by_channel_;
  bool simple_;
};

}  // namespace

ATTUNE_PLUGIN("full_grad", ATTUNE_VERSION, registry) { registry.add_method<FullGrad>(descriptor()); }
