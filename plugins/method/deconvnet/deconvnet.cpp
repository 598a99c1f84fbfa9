// The details of the input that lead to the features behind a class score, found by running the network backwards as if
// it were a decoder: at every rectifier the signal that comes down is rectified itself. The map has the size of the
// input and, by default, its channels, with a sign.
//
// ## Equation
//
// The gradient of the score `y` with respect to the input `x`, with another backward rule at every rectifier `f =
// relu(z)`:
//
// ```
// gradient:   R(z) = [z > 0] R(f)
// deconvnet:  R(z) = [R(f) > 0] R(f)
// map       = R(x)
// ```
//
// `[.]` is 1 where the condition holds and 0 elsewhere. Zeiler and Fergus, "Visualizing and Understanding Convolutional
// Networks", 2014, section 2.1; in this form Simonyan et al. 2014, section 4. Pooling by maxima hands its signal to
// where the maximum was (the paper's switches), convolutions and norms as in the gradient. Relatives of the ReLU (leaky
// ReLU, GELU, SiLU and others) count as rectifiers; a model without any such function is refused.
//
// ## Parameters
//
// `channels` as in `guided_backprop`.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass per class from the score to the
// input.
//
// ## Where it misleads
//
// - What came up through a rectifier does not matter, only what comes down: apart from pooling, the map knows nothing
//   of the picture. In networks without pooling it is a pattern of the weights.
// - It depends little on the class and on the late layers (Adebayo et al., "Sanity Checks for Saliency Maps", 2018; Nie
//   et al., "A Theoretical Explanation for Perplexing Behaviors of Backpropagation-based Visualizations", 2018). A
//   sharp outline shows that the picture has one there, not that the model relies on it.
// - It is no gradient of any function: it does not say how much the score would change. `saliency` does.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method deconvnet --method guided_backprop
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Deconvnet, the norm over colour channels, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "details": {"use": "deconvnet", "channels": "norm"}
//   },
//   "terms": [
//     {"maps": ["cam", "details"], "match": {"use": "upsample"}, "compare": "pearson"}
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
  d.id = "deconvnet";
  d.title = "Deconvnet";
  d.summary = "The class score handed back to the input, rectified on its way down at every rectifier";
  d.groups = {"gradient"};
  d.citation = "Zeiler and Fergus 2014, section 2.1";
  d.formula = "gx, max(0, R) at every rectifier";
  d.misleads = "It redraws the picture's edges and depends little on the class";
  d.reads = {"input gradients", "rules"};
  d.parameters = {plugins::channels_parameter("keep")};
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class Deconvnet final : public AttentionMethod {
 public:
  explicit Deconvnet(const Parameters& parameters) : channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return plugins::needs_input_gradient(); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor signal = pass.gradients(pass.score(target), {pass.input()}, Rectifier::deconvnet)[0];
    return {plugins::reduce_channels(signal, channels_), true};
  }

 private:
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("deconvnet", ATTUNE_VERSION, registry) { registry.add_method<Deconvnet>(descriptor()); }
