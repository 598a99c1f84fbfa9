// Guided backpropagation: Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net", section 3.4;
// Mirzazadeh et al. 2022 (ATCON), Eq. 5.

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
  d.parameters = {plugins::channels_parameter("keep")};
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class GuidedBackprop final : public AttentionMethod {
 public:
  explicit GuidedBackprop(const Parameters& parameters) : channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor gradient = pass.gradients(pass.score(target), {pass.input()}, Rectifier::guided)[0];
    return {plugins::reduce_channels(gradient, channels_), true};
  }

 private:
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("guided_backprop", ATTUNE_VERSION, registry) { registry.add_method<GuidedBackprop>(descriptor()); }
