// The details of the input that excite the features behind a class score. The map has the size of the input and, by
// default, its channels, with a sign: positive where a larger value would raise the score along the paths that are
// kept.
//
// ## Equation
//
// The gradient of the score `y` with respect to the input `x`, with another backward rule at every rectifier `f =
// relu(z)`:
//
// ```
// gradient:   R(z) = [z > 0] R(f)
// guided:     R(z) = [z > 0] [R(f) > 0] R(f)
// map       = R(x)
// ```
//
// `[.]` is 1 where the condition holds and 0 elsewhere. Springenberg et al., "Striving for Simplicity: The All
// Convolutional Net", 2015, section 3.4; Mirzazadeh et al. (ATCON) 2022, equation 5. Relatives of the ReLU (leaky ReLU,
// GELU, SiLU and others) keep their own derivative in place of `[z > 0]`; a model without any such function is refused.
//
// ## Parameters
//
// `keep` leaves them as they are; `abs_sum` and `sum` add absolute or signed values; `max_abs` takes the largest
// absolute value; `norm` is the Euclidean norm.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// input.
//
// ## Where it misleads
//
// - It depends little on the class and on the late layers: other objects in the picture, and textures, appear for every
//   class. A sharp outline shows that the picture has an outline there, not that the model relies on it (Adebayo et
//   al., "Sanity Checks for Saliency Maps", 2018).
// - It is no gradient of any function: it does not say how much the score would change. `saliency` does.
// - The rule was made for ReLU. With smooth activations (GELU in transformers) the map is a filtered gradient, no more.
// - Pictures are scaled one by one. With three channels grey is about zero. With one channel the map is heat over the
//   picture, and the negative values of `sum` are only seen with `--signed`.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method guided_backprop --method details=guided_backprop:channels=max_abs
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Guided backpropagation, the norm over colour channels, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "norm"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
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
  d.id = "guided_backprop";
  d.title = "Guided backpropagation";
  d.summary = "Gradient of the class score with respect to the input, negative gradients stopped at every rectifier";
  d.citation = "Springenberg et al. 2015, section 3.4; Mirzazadeh et al. 2022, Eq. 5";
  d.formula = "gx, [z > 0] max(0, R) at every rectifier";
  d.misleads = "It redraws the picture's edges and depends little on the class";
  d.reads = {"input gradients", "rules"};
  d.groups = {"gradient"};
  d.parameters = {plugins::channels_parameter("keep")};
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class GuidedBackprop final : public AttentionMethod {
 public:
  explicit GuidedBackprop(const Parameters& parameters) : channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return plugins::needs_input_gradient(); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor gradient = pass.gradients(pass.score(target), {pass.input()}, Rectifier::guided)[0];
    return {plugins::reduce_channels(gradient, channels_), true};
  }

 private:
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("guided_backprop", ATTUNE_VERSION, registry) { registry.add_method<GuidedBackprop>(descriptor()); }
