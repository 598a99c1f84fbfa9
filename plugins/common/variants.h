// What the methods share that look at what the model makes of many variants of each input.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <attune/sdk/model.h>
#include <attune/sdk/parameters.h>
#include <attune/sdk/pass.h>

namespace attune::plugins {

constexpr int64_t recorded_rows = 16;  // of one pass that is recorded for a loss

// The inputs [rows,C,S1..Sd] of some rows: which sample each is made of, and which variant of it, both [rows], int64.
using Variants = std::function<at::Tensor(const at::Tensor& sample, const at::Tensor& variant)>;

// The same as a function of rows, of which row r is variant r % count of sample r / count.
inline std::function<at::Tensor(int64_t, int64_t)> by_rows(const Variants& make, int64_t count,
                                                           const at::Tensor& like) {
  return [make, count, whole = like.options().dtype(at::kLong)](int64_t begin, int64_t end) {
    const at::Tensor rows = at::arange(begin, end, whole);
    return make(rows.div(count, "floor"), rows.remainder(count));
  };
}

// The scores [N,count] of the variants of every sample, for each target; one run serves all targets. In a loss every
// run is recorded.
inline std::vector<at::Tensor> scores_of(Pass& pass, const std::vector<Target>& targets, int64_t count,
                                         const Variants& variants) {
  const int64_t samples = pass.input().size(0), rows = samples * count;
  const auto make = by_rows(variants, count, pass.input());
  at::Tensor outputs;
  if (pass.wants_graph() && at::GradMode::is_enabled()) {
    std::vector<at::Tensor> parts;
    for (int64_t begin = 0; begin < rows; begin += recorded_rows) {
      const at::Tensor inputs = make(begin, std::min(rows, begin + recorded_rows));
      parts.push_back(pass.model().forward(inputs, {}, /*graph=*/true)->output());
    }
    outputs = at::cat(parts);
  } else {
    const at::NoGradGuard no_graph;
    outputs = pass.model().outputs(rows, make);
  }
  std::vector<at::Tensor> scores;
  for (const Target& target : targets) scores.push_back(target.repeat(count).score(outputs).view({samples, count}));
  return scores;
}

inline ParameterDeclaration fill_parameter() {
  return choice_or_real("fill", 0.0, {"mean"}, {-1e6, 1e6},
                        "What stands where the input is hidden: a value as the model sees it, or the mean of each of "
                        "the input's channels");
}

// [N,C,1..1], `fill` or the mean of each channel.
inline at::Tensor filling(const at::Tensor& input, const std::optional<double>& fill) {
  std::vector<int64_t> shape(static_cast<size_t>(input.dim()), 1);
  shape[0] = input.size(0);
  shape[1] = input.size(1);
  return fill ? at::full(shape, *fill, input.options()) : input.flatten(2).mean(2).view(shape);
}

}  // namespace attune::plugins
