// A control: a bell over the middle of the input, whatever the input is. Photographers put what matters there, so that
// many measures like it; a method that is no better has not been shown to explain anything.
//
// ## Equation
//
// With the extent `S_a` of each axis `a` and positions `s_a` from 0:
//
// ```
// map(s) = prod_a exp( -(1/2) ((s_a - (S_a - 1)/2) / (width S_a))^2 )
// ```
//
// ## Parameters
//
// ## Cost
//
// None beside the forward pass of the run.
//
// ## Where it misleads
//
// - It explains nothing: it is a control. On data sets of centred objects it finds most of them, which says something
// of
//   the data set.
// - On other data (crops, slices of volumes, signals) it is a weak control; `random` is another.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method gradcam --method centre
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "How far Grad-CAM is a bell over the middle",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam", "layer": "auto", "relu": true},
//     "middle": {"use": "centre", "width": 0.25, "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "middle"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "centre";
  d.title = "Middle of the input";
  d.summary = "A bell over the middle of the input, the same for all inputs: a control, which explains nothing";
  d.citation = "a control of attune";
  d.formula = "exp(-((s - middle) / (width S))^2 / 2)";
  d.misleads = "On data sets of centred objects it finds most of them, without a model";
  d.groups = {"control"};
  d.parameters = {
      real("width", 0.25, {0.01, 10}, "Standard deviation of the bell, as a share of each axis"),
  };
  d.differentiable = false;
  d.at_input_resolution = true;
  return d;
}

class Centre final : public AttentionMethod {
 public:
  explicit Centre(const Parameters& parameters) : width_(parameters.real("width")) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target&) const override { return {bell_over(pass.input()), true}; }

 private:
  at::Tensor bell_over(const at::Tensor& input) const {
    auto shape = input.sizes().vec();
    shape[1] = 1;
    at::Tensor map = at::ones(shape, input.options());
    for (int64_t axis = 2; axis < input.dim(); ++axis) {
      const auto extent = static_cast<double>(input.size(axis));
      auto beside = std::vector<int64_t>(shape.size(), 1);
      beside[static_cast<size_t>(axis)] = input.size(axis);
      const at::Tensor distance = at::arange(input.size(axis), input.options()) - (extent - 1) / 2;
      map = map * plugins::bell(distance, width_ * extent).view(beside);
    }
    return map;
  }

  double width_;
};

}  // namespace

ATTUNE_PLUGIN("centre", ATTUNE_VERSION, registry) { registry.add_method<Centre>(descriptor()); }
