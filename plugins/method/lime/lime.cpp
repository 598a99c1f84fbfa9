// A linear model of what the network does near the input: random sets of the input's parts are hidden, and a straight
// line is laid through the class scores, in which sets that leave most of the input count more. The map has the size of
// the input, one channel, and a sign: the slope of each part.
//
// ## Equation
//
// With `M` parts, sets `z` of those that stay (1) while the rest holds the fill, and the score `y(z)`, the slopes `v`
// are
//
// ```
// v, b = argmin  sum over z of  p(z) ( y(z) - b - z v )^2  +  ridge |v|^2
// p(z) = exp( -(1 - sqrt(|z| / M))^2 / width^2 )
// ```
//
// Ribeiro et al., "Why Should I Trust You? Explaining the Predictions of Any Classifier", 2016, equation 2, with the
// kernel of its authors' program for pictures: the cosine distance from the whole input. Each part stays with
// probability one half. All inputs of a batch get the same sets.
//
// ## Parameters
//
// `segments`, `cells`, `compactness` and `fill` as in `feature_ablation`. `samples` should be ten times as many as
// there are parts. `ridge` draws slopes to zero, the fewer the samples the more.
//
// ## Cost
//
// `samples` forward passes, without gradients, streamed in chunks for all inputs together and for all targets at once;
// and a system of `M` equations. There is no gradient through the map: specs that use it say `"stop_gradient": true`.
//
// ## Where it misleads
//
// - What counts as near is a choice. Half of the parts are hidden in most sets, at a distance of 0.3; a `width` far
//   below that leaves nearly none of them a weight.
// - Few samples are noisy: two seeds give two maps.
// - The values sum to nothing in particular; those of `kernel_shap` do.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method lime:cells=7,samples=1000 --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards the slopes of superpixels",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "lime": {"use": "lime", "cells": 5, "samples": 250, "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "lime"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rand.h>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/segments.h"

namespace {

using namespace attune;
using plugins::Segments;

constexpr int64_t default_samples = 640;

Descriptor descriptor() {
  Descriptor d;
  d.id = "lime";
  d.title = "LIME";
  d.summary = "Slope of the class score by each part of the input, of a linear model fitted near the input";
  d.citation = "Ribeiro et al. 2016, Eq. 2";
  d.formula = "slopes of a linear model of y over sets of segments";
  d.misleads = "What counts as near is a choice, and few samples are noisy";
  d.reads = {"answers"};
  d.groups = {"perturbation"};
  d.parameters = Segments::parameters();
  d.parameters.push_back(integer("samples", default_samples, {2, 1e6}, "How many sets of parts are tried"));
  d.parameters.push_back(real("width", 0.25, {0.05, 1e3}, "How far from the whole input sets still count"));
  d.parameters.push_back(real("ridge", 1, {1e-6, 1e6}, "How strongly slopes are drawn to zero"));
  d.differentiable = false;
  d.deterministic = false;
  d.forward_passes = 1 + default_samples;
  d.at_input_resolution = true;
  return d;
}

class Lime final : public AttentionMethod {
 public:
  explicit Lime(const Parameters& parameters)
      : choice_(parameters),
        samples_(parameters.integer("samples")),
        width_(parameters.real("width")),
        ridge_(parameters.real("ridge")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.forward_passes = 1 + static_cast<double>(samples_);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // Drawn on the processor, so that a seed means the same everywhere.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::NoGradGuard no_graph;
    const at::Tensor& input = pass.input();
    const Segments segments = choice_.of(input);
    const at::Tensor drawn = at::rand({samples_, segments.count()}, pass.generator(), at::kFloat);
    const at::Tensor kept = (drawn < 0.5).to(at::kDouble);
    std::vector<AttentionMap> maps;
    for (const at::Tensor& scores :
         plugins::segment_scores(pass, targets, segments, kept.to(input.options()), choice_.fill)) {
      const at::Tensor slopes = fitted(kept, scores.to(at::kCPU, at::kDouble));
      maps.push_back(plugins::segment_map(segments, slopes.to(input.options()), input));
    }
    return maps;
  }

 private:
  // [N,M] of scores [N,n]. Without means the line's offset is zero.
  at::Tensor fitted(const at::Tensor& kept, const at::Tensor& scores) const {
    const at::Tensor distance = 1 - kept.mean(1).sqrt();
    const at::Tensor weights = (-(distance / width_).square()).exp();
    const at::Tensor shares = (weights / weights.sum()).unsqueeze(0);
    const at::Tensor x = kept - at::matmul(shares, kept);
    const at::Tensor y = (scores - at::matmul(scores, shares.t())).t();
    const at::Tensor weighted = (x * weights.unsqueeze(1)).t();
    const at::Tensor square = at::matmul(weighted, x) + ridge_ * at::eye(kept.size(1), at::kDouble);
    return at::linalg_solve(square, at::matmul(weighted, y)).t();
  }

  plugins::SegmentChoice choice_;
  int64_t samples_;
  double width_;
  double ridge_;
};

}  // namespace

ATTUNE_PLUGIN("lime", ATTUNE_VERSION, registry) { registry.add_method<Lime>(descriptor()); }
