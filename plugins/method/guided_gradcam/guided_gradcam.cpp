// Grad-CAM as a window on guided backpropagation: the fine pattern of the one where the other says that it speaks for
// the class. The map has the size of the input, and by default a value with a sign for each colour channel.
//
// ## Equation
//
// With the Grad-CAM `L` of the layer for the class (see `gradcam`) and the gradient `G` by guided backpropagation (see
// `guided_backprop`):
//
// ```
// map_c(s) = G_c(s)  max(0, enlarge(L)(s))
// ```
//
// Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2017, section
// 3.2, who enlarge by linear interpolation. Captum takes the nearest cell: `enlarge=nearest`.
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and two backward passes per class: one to the layer, one
// to the input.
//
// ## Where it misleads
//
// - The fine pattern is that of guided backpropagation, which mostly restores edges of the input and hardly depends on
//   the class or on the weights of late layers (Adebayo et al. 2018). What depends on the class is the coarse window.
// - Where Grad-CAM is nowhere positive the map is zero.
// - A model without a rectifier has no guided backpropagation and is refused.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method guided_gradcam --method guided_gradcam:channels=abs_sum
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Guided Grad-CAM against saliency",
//   "target": "top1",
//   "maps": {
//     "guided": {"use": "guided_gradcam", "layer": "auto", "channels": "abs_sum"},
//     "saliency": {"use": "saliency", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["guided", "saliency"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/upsample_nearest1d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/upsample_nearest3d.h>

#include "common/cam.h"
#include "common/input_gradient.h"
#include "common/matching.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("guided_gradcam", "Guided Grad-CAM");
  d.summary = "Guided backpropagation of a class score, times the positive part of its Grad-CAM";
  d.citation = "Selvaraju et al. 2017, section 3.2";
  d.formula = "guided_backprop max(0, gradcam)";
  d.misleads = "Its fine pattern is the picture's edges; only the coarse window knows the class";
  d.reads = {"features", "gradients", "input gradients", "rules"};
  d.groups = {"cam", "gradient"};
  d.parameters = {
      plugins::layer_parameter(),
      plugins::channels_parameter("keep"),
      choice("enlarge", "linear", {"linear", "nearest"}, "How the Grad-CAM is brought to the input's size"),
  };
  d.backward_passes = 2;
  d.at_input_resolution = true;
  return d;
}

at::Tensor nearest(const at::Tensor& map, const std::vector<int64_t>& to) {
  if (to.size() == 1) return at::upsample_nearest1d(map, to);
  return to.size() == 2 ? at::upsample_nearest2d(map, to) : at::upsample_nearest3d(map, to);
}

class GuidedGradCam final : public AttentionMethod {
 public:
  explicit GuidedGradCam(const Parameters& parameters)
      : layer_(parameters.string("layer")),
        channels_(parameters.string("channels")),
        linear_(parameters.string("enlarge") == "linear") {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.input_gradient = true;
    needs.gradient_calls = 2;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor features = pass.activation(layer_), score = pass.score(target);
    const at::Tensor gradient = pass.gradients(score, {features})[0];
    const at::Tensor cam = at::relu(plugins::weighted_sum(gradient.flatten(2).mean(2), features));
    const auto extents = plugins::extents(pass.input());
    const at::Tensor window = linear_ ? plugins::resized(cam, extents, /*align_corners=*/false) : nearest(cam, extents);
    const at::Tensor guided = pass.gradients(score, {pass.input()}, Rectifier::guided)[0];
    return {plugins::reduce_channels(guided * window, channels_), true, {layer_}};
  }

 private:
  std::string layer_;
  std::string channels_;
  bool linear_;
};

}  // namespace

ATTUNE_PLUGIN("guided_gradcam", ATTUNE_VERSION, registry) { registry.add_method<GuidedGradCam>(descriptor()); }
