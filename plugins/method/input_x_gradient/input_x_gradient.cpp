// What each pixel contributes to the class score, were the model the linear function that it is like around this input:
// the pixel times the gradient there. The map has the size of the input and a sign: positive where the pixel speaks for
// the class.
//
// ## Equation
//
// With the input `x` (channel `c`, position `s`) and the score `y` of the class before softmax:
//
// ```
// map(s) = sum_c  x_c(s)  dy/dx_c(s)
// ```
//
// Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
// 2016. For rectifiers and pooling without biases the map adds up to the score.
//
// ## Parameters
//
// `channels` as in `saliency`, but of the product: `sum`, the default, is the share of the pixel; `keep` leaves each
// colour its own.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// input.
//
// ## Where it misleads
//
// - The input is what the model is given, after preprocessing: a pixel of the mean colour is near zero and gets
//   nothing, whatever it shows, and with other means the map is another. Only differences from a baseline mean
//   something, and here that is all zero.
// - Biases take their share of the score, which no pixel shows; `full_grad` has it.
// - It is as noisy as the gradient. Where the model is saturated it is small, however much the pixel matters;
//   `integrated_gradients` is made against that.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method input_x_gradient --method "calm=smooth:of=input_x_gradient"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Input times gradient, pooled, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "product": {"use": "input_x_gradient", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "product"], "match": {"use": "pool", "kind": "average"}, "compare": "pearson"}
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
  d.id = "input_x_gradient";
  d.title = "Input x gradient";
  d.summary = "Input times the gradient of the class score with respect to it";
  d.groups = {"gradient"};
  d.citation = "Shrikumar et al. 2016";
  d.formula = "sum_c x_c gx_c";
  d.misleads = "A pixel of the mean colour gets nothing, whatever it shows";
  d.reads = {"input gradients"};
  d.parameters = {plugins::channels_parameter("sum")};
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class InputXGradient final : public AttentionMethod {
 public:
  explicit InputXGradient(const Parameters& parameters) : channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return plugins::needs_input_gradient(); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor gradient = pass.gradients(pass.score(target), {pass.input()})[0];
    return {plugins::reduce_channels(gradient * pass.input(), channels_), true};
  }

 private:
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("input_x_gradient", ATTUNE_VERSION, registry) { registry.add_method<InputXGradient>(descriptor()); }
