// Grad-CAM with weights that know how the gradient itself changes: what a feature map is worth on the way from nothing
// to what it is, to second order. The map has the size of the layer, one channel, and a sign.
//
// ## Equation
//
// With the feature maps `A_c` of the layer (channel `c`, `n` positions `s`), the score `y` of the class before softmax,
// its gradient `g = dy/dA` and its second derivatives `H`:
//
// ```
// w_c    = (1/n) sum_s  ( g_c(s) - (1/2) (H A)_c(s) )
// map(s) = sum_c  w_c A_c(s)                              relu=true: max(0, map(s))
// ```
//
// Cai, "CAMs as Shapley Value-based Explainers", 2025: the Shapley value of a feature map in the second-order expansion
// of the score. `H A` is one more derivative, of `sum g A`, and `H` itself is never made.
//
// ## Parameters
//
// ## Cost
//
// Two forward passes, as the second derivative needs a pass that records all of the model, and two backward passes per
// class. Memory is that of a training step. In a loss the map is part of the pass that is recorded anyway, and its
// gradient is a third derivative.
//
// ## Where it misleads
//
// - Where mean pooling and linear layers or rectifiers follow the layer, the score is piecewise linear in the features,
//   `H` is zero, and the map is Grad-CAM, at three times its cost. The author explains a target that is not:
//   `--target top1:of=log_probability` is one.
// - Second order is the expansion's end, not the score's: far from what the features are it need not hold.
// - The map is as coarse as the layer, with one weight per channel, whatever the place.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method shapley_cam --method gradcam --target top1:of=log_probability
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "ShapleyCAM against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "shapley_cam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/core/grad_mode.h>

#include "common/cam.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("shapley_cam", "ShapleyCAM");
  d.summary = "Feature maps of a layer, weighted by the class score's gradient less half of its curvature, and summed";
  d.citation = "Cai 2025";
  d.formula = "sum_c mean(g_c - (H A)_c / 2) A_c";
  d.misleads = "Of a score that is piecewise linear in the features it is Grad-CAM, at three times the cost";
  d.curvature = true;
  d.forward_passes = 2;
  d.backward_passes = 2;
  return d;
}

class ShapleyCam final : public AttentionMethod {
 public:
  explicit ShapleyCam(const Parameters& parameters)
      : layer_(parameters.string("layer")), relu_(parameters.boolean("relu")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 2;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // A pass without a graph has no second derivative; then there is another one for all targets.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const bool graph = pass.wants_graph() && at::GradMode::is_enabled();
    const at::AutoGradMode mode(true);
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = needs.input_gradient = true;  // recorded from the input on, also where no parameter is trained
    const auto own = graph ? nullptr : pass.model().forward(pass.input(), needs, /*graph=*/true);
    std::vector<AttentionMap> maps;
    for (const Target& target : targets) {
      const at::Tensor map = map_of(graph ? pass : *own, target);
      maps.push_back({graph ? map : map.detach(), false, {layer_}});
    }
    return maps;
  }

 private:
  // The derivative of sum g A is g + H A.
  at::Tensor map_of(Pass& pass, const Target& target) const {
    const at::Tensor features = pass.activation(layer_);
    const at::Tensor gradient = pass.gradients(pass.score(target), {features})[0];
    const at::Tensor of_product = pass.gradients((gradient * features).flatten(1).sum(1), {features})[0];
    const at::Tensor weights = 1.5 * gradient - 0.5 * of_product;
    const at::Tensor map = plugins::weighted_sum(weights.flatten(2).mean(2), features);
    return relu_ ? at::relu(map) : map;
  }

  std::string layer_;
  bool relu_;
};

}  // namespace

ATTUNE_PLUGIN("shapley_cam", ATTUNE_VERSION, registry) { registry.add_method<ShapleyCam>(descriptor()); }
