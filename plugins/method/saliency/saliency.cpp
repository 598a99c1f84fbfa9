// How sensitive a class score is to every pixel: the absolute gradient of the score with respect to the input. The map
// has the size of the input and, by default, its channels, and is never negative unless its sign is asked for.
//
// ## Equation
//
// With the input `x` (channel `c`, position `s`) and the score `y` of the class before softmax:
//
// ```
// map_c(s) = | dy / dx_c(s) |
// ```
//
// Simonyan et al., "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
// 2014, section 3. The paper takes the largest channel at each position: `channels=max_abs`.
//
// ## Parameters
//
// `keep` leaves them as they are; `abs_sum` and `sum` add them, which is the same of magnitudes, as none is negative;
// `max_abs` takes the largest; `norm` is the Euclidean norm. Pictures of `keep` show the sum.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// input. It is the plain derivative, without a rule of its own, and so the baseline for other gradient methods.
//
// ## Where it misleads
//
// - It is noisy. The gradient of a deep network changes strongly from pixel to pixel; single bright pixels mean
//   nothing, clusters do.
// - It says what a small change would do, not what the score is made of. Where the model is saturated, important parts
//   of the picture can be dark.
// - Without its sign it does not tell evidence for the class from evidence against it; `absolute=false` keeps it.
// - Strides, pooling and patches leave grids and checkerboards in it, which belong to the model, not to the picture.
// - The values refer to the preprocessed input. With respect to the picture from 0 to 1 they are 1/std times as large.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method saliency:channels=max_abs --raw
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Saliency, the largest colour channel, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "saliency": {"use": "saliency", "channels": "max_abs"}
//   },
//   "terms": [
//     {"maps": ["cam", "saliency"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <string>

#include <attune/sdk/plugin.h>

#include "common/input_gradient.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "saliency";
  d.title = "Saliency";
  d.summary = "Absolute gradient of the class score with respect to the input";
  d.citation = "Simonyan et al. 2014, section 3";
  d.formula = "|gx|";
  d.misleads = "Single bright pixels mean nothing, and where the model is sure, important parts can be dark";
  d.reads = {"input gradients"};
  d.groups = {"gradient"};
  d.parameters = {
      plugins::channels_parameter("keep"),
      boolean("absolute", true, "Magnitudes, as the paper has it; false keeps the gradient's sign"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class Saliency final : public AttentionMethod {
 public:
  explicit Saliency(const Parameters& parameters)
      : channels_(parameters.string("channels")), absolute_(parameters.boolean("absolute")) {}

  Needs needs(const Model&) const override { return plugins::needs_input_gradient(); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor gradient = pass.gradients(pass.score(target), {pass.input()})[0];
    return {plugins::reduce_channels(absolute_ ? gradient.abs() : gradient, channels_), true};
  }

 private:
  std::string channels_;
  bool absolute_;
};

}  // namespace

ATTUNE_PLUGIN("saliency", ATTUNE_VERSION, registry) { registry.add_method<Saliency>(descriptor()); }
