// Saliency, the plain gradient: Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.

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

  Needs needs(const Model&) const override {
    Needs needs;
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    return needs;
  }

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
