// An attention method for attune, `examples.low_pass`: the gradient of the class score with respect to the input,
// without its high frequencies. These come from strides and pooling rather than from what the model knows, and they
// are most of what is noisy in a gradient map.
//
// ## Equation
//
// With the gradient `g` of the score at the input, and its discrete Fourier transform `G(f)`, the frequency `f_a` of
// axis `a` counted in waves along the whole axis of extent `S_a`:
//
// ```
// map = inverse transform of  G(f) where |f_a| <= cutoff S_a / 2 on every axis, 0 elsewhere
// ```
//
// Muzellec et al., "Saliency strikes back: How filtering out high frequencies improves white-box explanations", 2024
// (ForGrad), who keep a disc of frequencies and choose its size by a metric of faithfulness. `cutoff=1` keeps all of
// them: then it is the gradient.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, and one backward pass for each class; the filter is a
// product with one matrix for each axis. In a loss the map is part of the pass that is recorded anyway.
//
// ## Where it misleads
//
// - A sharp edge in the frequencies leaves waves beside what is bright. Compare two cutoffs before you believe a ring.
// - A smooth map is not a right one: whatever is filtered looks calmer.
// - The filter takes the input for periodic, so that what is at one edge shows at the opposite one.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and the gradient's low frequencies agree: both ways of matching, by Pearson",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "low": {"use": "examples.low_pass", "cutoff": 0.1, "channels": "abs_sum"}
//   },
//   "terms": [
//     {"name": "masked", "maps": ["cam", "low"], "match": {"use": "mask", "source": "low", "scale": "std"},
//      "compare": "pearson"},
//     {"name": "upsampled", "maps": ["cam", "low"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <cmath>
#include <string>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "examples.low_pass";
  d.title = "ForGrad";
  d.summary = "Gradient of the class score with respect to the input, without its high frequencies";
  d.citation = "Muzellec et al. 2024";
  d.groups = {"gradient"};
  d.parameters = {
      real("cutoff", 0.2, {0, 1}, "Share of the frequencies along each axis that stays"),
      choice("channels", "keep", {"keep", "sum", "abs_sum"}, "How the input's channels become one map, or stay"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

// What is left of a line of `extent` numbers when waves above the cutoff are taken out of it, as a matrix: the mean of
// the waves that stay, between every two places.
at::Tensor filter(int64_t extent, double cutoff, const at::TensorOptions& options) {
  const auto highest = static_cast<int64_t>(std::floor(cutoff * static_cast<double>(extent) / 2));
  const at::Tensor place = at::arange(extent, options);
  const at::Tensor turns = 2 * std::acos(-1.0) / static_cast<double>(extent) * (place.unsqueeze(1) - place);
  at::Tensor waves = at::ones_like(turns);
  for (int64_t f = 1; f <= highest; ++f) {
    const double both = 2 * f == extent ? 1 : 2;  // f and -f, which are one wave where there are two places to it
    waves = waves + both * (static_cast<double>(f) * turns).cos();
  }
  return waves / static_cast<double>(extent);
}

class LowPass final : public AttentionMethod {
 public:
  explicit LowPass(const Parameters& parameters)
      : cutoff_(parameters.real("cutoff")), channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    at::Tensor map = pass.gradients(pass.score(target), {pass.input()})[0];
    for (int64_t axis = 2; axis < map.dim(); ++axis) {
      const at::Tensor along = filter(map.size(axis), cutoff_, map.options());
      map = at::matmul(map.transpose(axis, -1), along).transpose(axis, -1);
    }
    return {reduced(map), true};
  }

 private:
  // [N,C,S1..Sd] -> [N,1,S1..Sd], or unchanged for "keep".
  at::Tensor reduced(const at::Tensor& map) const {
    if (channels_ == "sum") return map.sum(1, /*keepdim=*/true);
    if (channels_ == "abs_sum") return map.abs().sum(1, /*keepdim=*/true);
    return map;
  }

  double cutoff_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("examples.low_pass", "1.0.0", registry) { registry.add_method<LowPass>(descriptor()); }
