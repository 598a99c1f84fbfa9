// What the methods share that follow the gradient along lines from baselines to the input.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <attune/sdk/model.h>
#include <attune/sdk/pass.h>

namespace attune::plugins {

constexpr int64_t most_rows = 16;  // of one pass, unless the batch has more

// A place on a line, 0 at its baseline and 1 at the input, and its share of the sum.
struct LinePoint {
  double place;
  double weight;
};

// The baselines of some points, [N or 1,count or 1,C,S1..Sd] or what broadcasts to that.
using Baselines = std::function<at::Tensor(int64_t begin, int64_t count)>;

// [1,count,1..1], against inputs of `dims` dimensions with the points behind the first.
inline at::Tensor column(const std::vector<double>& numbers, const at::Tensor& input) {
  auto shape = std::vector<int64_t>(static_cast<size_t>(input.dim()) + 1, 1);
  shape[1] = static_cast<int64_t>(numbers.size());
  return at::tensor(numbers, at::kDouble).to(input.options()).view(shape);
}

// sum_k weight_k (input - baseline_k) gradient(baseline_k + place_k (input - baseline_k)), [N,C,S1..Sd] for each
// target. Several points go into one pass, and without a graph each pass is gone before the next begins.
inline std::vector<at::Tensor> along_lines(Pass& pass, const std::vector<Target>& targets,
                                           const std::vector<LinePoint>& points, const Baselines& baselines) {
  const at::Tensor& input = pass.input();
  const auto total = static_cast<int64_t>(points.size());
  const int64_t most = std::max<int64_t>(1, most_rows / input.size(0));
  Needs needs;
  needs.input_gradient = true;
  needs.gradient_calls = static_cast<int64_t>(targets.size());
  std::vector<at::Tensor> sums(targets.size());
  for (int64_t begin = 0; begin < total; begin += most) {
    const int64_t count = std::min(most, total - begin);
    std::vector<double> places, weights;
    for (int64_t k = begin; k < begin + count; ++k) {
      places.push_back(points[static_cast<size_t>(k)].place);
      weights.push_back(points[static_cast<size_t>(k)].weight);
    }
    at::Tensor variants, factors;  // [N,count,C,S1..Sd]
    {
      const at::AutoGradMode mode(pass.wants_graph() && at::GradMode::is_enabled());
      const at::Tensor baseline = baselines(begin, count), way = input.unsqueeze(1) - baseline;
      variants = baseline + column(places, input) * way;
      factors = column(weights, input) * way;
    }
    const auto step = pass.model().forward(variants.flatten(0, 1), needs, pass.wants_graph());
    for (size_t t = 0; t < targets.size(); ++t) {
      const at::Tensor score = step->score(targets[t].repeat(count));
      const at::Tensor gradient = step->gradients(score, {step->input()})[0].view(variants.sizes());
      const at::Tensor part = (factors * gradient).sum(1);
      sums[t] = sums[t].defined() ? sums[t] + part : part;
    }
  }
  return sums;
}

// One forward and one backward pass for each point, beside the host's own.
inline Needs needs_points(int64_t count) {
  Needs needs;
  needs.backward_passes = static_cast<double>(count);
  needs.forward_passes = 1 + needs.backward_passes;
  return needs;
}

}  // namespace attune::plugins
