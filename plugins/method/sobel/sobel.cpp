// A control: the edges of the input, which no model has a part in. A map that looks like them may show what the eye
// expects rather than what the model does (Adebayo et al., "Sanity Checks for Saliency Maps", 2018).
//
// ## Equation
//
// With the mean `x` of the input's channels, `*` the convolution along one axis, and the border repeated outside:
//
// ```
// e_a    = x * (-1, 0, 1) along axis a * (1, 2, 1) along each other axis
// map(s) = sqrt( sum_a e_a(s)^2 )
// ```
//
// Of a picture that is the magnitude of the Sobel operator, of a signal that of its slope; clips and volumes have three
// axes. The input is taken as the model sees it, normalised.
//
// ## Cost
//
// None beside the forward pass of the run.
//
// ## Where it misleads
//
// - It explains nothing: it is a control. That a method agrees with it does not prove the method wrong, as models do
// look
//   at edges.
// - Of a clip the third axis is time: what moves has edges there too.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method saliency --method sobel
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "How far guided backpropagation is a detector of edges",
//   "target": "top1",
//   "maps": {
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"},
//     "edges": {"use": "sobel"}
//   },
//   "terms": [
//     {"maps": ["gb", "edges"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "sobel";
  d.title = "Edges";
  d.summary = "Magnitude of the input's Sobel gradient: a control, in which no model has a part";
  d.citation = "Adebayo et al. 2018 for its use as a control";
  d.formula = "sqrt(sum_a Sobel_a(x)^2)";
  d.misleads = "It looks much like guided backpropagation, and no model has a part in it";
  d.groups = {"control"};
  d.at_input_resolution = true;
  return d;
}

// [S,S]: each position's neighbour `step` further, the last one beyond the end.
at::Tensor neighbour(int64_t extent, int64_t step, const at::TensorOptions& options) {
  const at::Tensor positions = (at::arange(extent, options.dtype(at::kLong)) + step).clamp(0, extent - 1);
  return at::eye(extent, options).index_select(0, positions);
}

class Sobel final : public AttentionMethod {
 public:
  explicit Sobel(const Parameters&) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target&) const override { return {edges(pass.input()), true}; }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    return std::vector<AttentionMap>(targets.size(), {edges(pass.input()), true});
  }

 private:
  static at::Tensor edges(const at::Tensor& input) {
    const at::Tensor grey = input.mean(1, /*keepdim=*/true);
    at::Tensor sum = at::zeros_like(grey);
    for (int64_t axis = 2; axis < grey.dim(); ++axis) sum = sum + slope(grey, axis).square();
    return at::where(sum > 0, plugins::safe(sum, sum > 0).sqrt(), at::zeros_like(sum));
  }

  static at::Tensor slope(at::Tensor x, int64_t along) {
    for (int64_t axis = 2; axis < x.dim(); ++axis) {
      const at::Tensor before = neighbour(x.size(axis), -1, x.options()),
                       after = neighbour(x.size(axis), 1, x.options());
      const at::Tensor here = 2 * neighbour(x.size(axis), 0, x.options());
      x = plugins::along(x, axis, axis == along ? after - before : before + here + after);
    }
    return x;
  }
};

}  // namespace

ATTUNE_PLUGIN("sobel", ATTUNE_VERSION, registry) { registry.add_method<Sobel>(descriptor()); }
