// How much each part of the input adds to the class score, shared fairly between parts that only work together: Shapley
// values, found by hiding random sets of parts. The map has the size of the input, one channel, and a sign; the values
// of the parts sum to the score of the input minus that of the input with all parts hidden.
//
// ## Equation
//
// With `M` parts, a set `z` of those that stay (1) while the rest holds the fill, the score `y(z)`, the score `y_0`
// without any part and `y_1` with all of them, the values `v` of the parts are
//
// ```
// v = argmin  sum over z of  q(z) ( y(z) - y_0 - z v )^2     with  sum v = y_1 - y_0
// q(z) = (M - 1) / ( binomial(M, |z|) |z| (M - |z|) )
// ```
//
// Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017, theorem 2; as KernelSHAP. Where
// `samples` are enough for all sets there are, these are taken, and the values are the Shapley values. Otherwise sets
// are drawn with probability `q`, each with its opposite against noise (Covert and Lee 2021). All inputs of a batch get
// the same sets.
//
// ## Parameters
//
// `segments`, `cells`, `compactness` and `fill` as in `feature_ablation`. `samples` should be ten times as many as
// there are parts.
//
// ## Cost
//
// `samples` forward passes and one more, without gradients, streamed in chunks for all inputs together and for all
// targets at once; and a system of `M` equations. There is no gradient through the map: specs that use it say
// `"stop_gradient": true`.
//
// ## Where it misleads
//
// - Few samples are noisy: two seeds give two maps. Fewer parts need fewer samples.
// - Most sets hide half of the input, which is no picture that the model knows.
// - A part that is large gets more: values are those of parts, not of places.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method kernel_shap:cells=6,samples=1000 --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards the Shapley values of superpixels",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "shap": {"use": "kernel_shap", "cells": 5, "samples": 250, "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "shap"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <cmath>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/segments.h"

namespace {

using namespace attune;
using plugins::Segments;

constexpr int64_t default_samples = 640;

Descriptor descriptor() {
  Descriptor d;
  d.id = "kernel_shap";
  d.title = "KernelSHAP";
  d.summary = "How much each part of the input adds to the class score, shared fairly: Shapley values of superpixels";
  d.citation = "Lundberg and Lee 2017, theorem 2";
  d.formula = "Shapley values of segments, by weighted least squares";
  d.misleads = "Few samples are noisy, and large segments get more";
  d.reads = {"answers"};
  d.groups = {"perturbation"};
  d.parameters = Segments::parameters();
  d.parameters.push_back(integer("samples", default_samples, {2, 1e6}, "How many sets of parts are tried"));
  d.differentiable = false;
  d.deterministic = false;
  d.forward_passes = 2 + default_samples;
  d.at_input_resolution = true;
  return d;
}

// Sets of parts [n,M] in float64, and how much each counts [n].
struct Sets {
  at::Tensor kept;
  at::Tensor weights;
};

// binomial(n, k), as a real number.
double choose(int64_t n, int64_t k) {
  const auto log_factorial = [](int64_t of) { return std::lgamma(static_cast<double>(of) + 1); };
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k));
}

// The kernel q of all sets of each size from 1 to M - 1 together.
at::Tensor share_of_sizes(int64_t parts) {
  const at::Tensor size = at::arange(1, parts, at::kDouble);
  return static_cast<double>(parts - 1) / (size * (static_cast<double>(parts) - size));
}

// All but none and all.
Sets every_set(int64_t parts) {
  const double all = std::exp2(static_cast<double>(parts));
  const at::Tensor numbers = at::arange(1, all - 1, at::kDouble).unsqueeze(1);
  const at::Tensor kept = (numbers / at::arange(parts, at::kDouble).exp2()).floor().remainder(2);  // their bits
  std::vector<double> of_size;
  for (int64_t size = 1; size < parts; ++size) of_size.push_back(1 / choose(parts, size));
  const at::Tensor one = share_of_sizes(parts) * at::tensor(of_size, at::kDouble);
  return {kept, one.index_select(0, kept.sum(1).to(at::kLong) - 1)};
}

// Drawn on the processor, so that a seed means the same everywhere; every second one is the opposite of that before.
Sets drawn_sets(int64_t parts, int64_t count, at::Generator generator) {
  const int64_t pairs = (count + 1) / 2;
  const at::Tensor size = at::multinomial(share_of_sizes(parts), pairs, /*replacement=*/true, generator) + 1;
  const at::Tensor rank = at::rand({pairs, parts}, generator, at::kFloat).argsort(int64_t{1}).argsort(int64_t{1});
  const at::Tensor kept = (rank < size.unsqueeze(1)).to(at::kDouble);
  return {at::stack({kept, 1 - kept}, 1).flatten(0, 1).narrow(0, 0, count), at::ones({count}, at::kDouble)};
}

// [N,M]: the values that fit the gains [N,n] over the empty set and sum to `whole` [N].
at::Tensor fitted(const Sets& sets, const at::Tensor& gains, const at::Tensor& whole) {
  const int64_t parts = sets.kept.size(1);
  const at::Tensor weighted = sets.kept * sets.weights.unsqueeze(1);
  const at::Tensor square = at::matmul(sets.kept.t(), weighted);
  const at::Tensor little = 1e-9 * (1 + square.diagonal().mean()) * at::eye(parts, at::kDouble);  // of few samples
  const at::Tensor ones = at::ones({parts, 1}, at::kDouble);
  const at::Tensor right = at::cat({at::matmul(weighted.t(), gains.t()), ones}, 1);
  const at::Tensor solved = at::linalg_solve(square + little, right);
  const at::Tensor free = solved.slice(1, 0, -1), unit = solved.slice(1, -1);
  return (free + unit * ((whole - free.sum(0)) / unit.sum())).t();
}

class KernelShap final : public AttentionMethod {
 public:
  explicit KernelShap(const Parameters& parameters) : choice_(parameters), samples_(parameters.integer("samples")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.forward_passes = 2 + static_cast<double>(samples_);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::NoGradGuard no_graph;
    const at::Tensor& input = pass.input();
    const Segments segments = choice_.of(input);
    const Sets sets = sets_of(segments.count(), pass.generator());
    const at::Tensor kept = at::cat({at::zeros({1, segments.count()}, at::kDouble), sets.kept}).to(input.options());
    const auto scores = plugins::segment_scores(pass, targets, segments, kept, choice_.fill);
    std::vector<AttentionMap> maps;
    for (size_t t = 0; t < targets.size(); ++t) {
      const at::Tensor tried = scores[t].to(at::kCPU, at::kDouble), nothing = tried.select(1, 0);
      const at::Tensor whole = pass.score(targets[t]).to(at::kCPU, at::kDouble) - nothing;
      const at::Tensor values = fitted(sets, tried.slice(1, 1) - nothing.unsqueeze(1), whole);
      maps.push_back(plugins::segment_map(segments, values.to(input.options()), input));
    }
    return maps;
  }

 private:
  Sets sets_of(int64_t parts, const at::Generator& generator) const {
    const bool has_all = parts < 30 && (int64_t{1} << parts) - 2 <= samples_;
    return has_all ? every_set(parts) : drawn_sets(parts, samples_, generator);
  }

  plugins::SegmentChoice choice_;
  int64_t samples_;
};

}  // namespace

ATTUNE_PLUGIN("kernel_shap", ATTUNE_VERSION, registry) { registry.add_method<KernelShap>(descriptor()); }
