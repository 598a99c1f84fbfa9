// Samples as rows [N,P], brought to a scale where squares neither vanish nor overflow.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <cstdint>

namespace attune::plugins {

// Below this a largest magnitude counts as zero: its reciprocal must be finite.
inline double smallest_magnitude(const at::Tensor& rows) {
  if (rows.scalar_type() == at::kDouble) return 1e-290;
  return rows.scalar_type() == at::kHalf ? 1e-4 : 1e-30;
}

// `value` where `valid`, 1 elsewhere: a denominator made safe before anything is divided by it, because the gradient of
// a quotient that is thrown away afterwards would still be 0 x inf.
inline at::Tensor safe(const at::Tensor& value, const at::Tensor& valid) {
  return at::where(valid, value, at::ones_like(value));
}

// Every row divided by its largest magnitude, taken as a constant. A function that does not depend on scale keeps its
// value and its gradients.
inline at::Tensor rescaled(const at::Tensor& rows) {
  const at::Tensor magnitude = rows.detach().abs().amax(1, /*keepdim=*/true);
  return rows / safe(magnitude, magnitude > smallest_magnitude(rows));
}

// Every row divided by its Euclidean norm; a row of zeros stays.
inline at::Tensor unit(const at::Tensor& rows) {
  const at::Tensor scaled = rescaled(rows);
  const at::Tensor square = scaled.square().sum(1, /*keepdim=*/true);
  return scaled / safe(square, square > 0).sqrt();
}

// Filters that are separable: one matrix per axis, so that one function serves signals, images and clips.

// `matrix` [S_out,S] applied to every line of `x` along `axis`.
inline at::Tensor along(const at::Tensor& x, int64_t axis, const at::Tensor& matrix) {
  return at::matmul(x.transpose(axis, -1), matrix.t()).transpose(axis, -1);
}

// exp(-z^2 / 2) with z = `distance` / sigma.
inline at::Tensor bell(const at::Tensor& distance, double sigma) { return (distance / sigma).square().mul(-0.5).exp(); }

// Entry [i,j] is j - i, for a matrix of `rows` output and `columns` input positions.
inline at::Tensor offsets(int64_t rows, int64_t columns, const at::TensorOptions& options) {
  return at::arange(columns, options).unsqueeze(0) - at::arange(rows, options).unsqueeze(1);
}

}  // namespace attune::plugins
