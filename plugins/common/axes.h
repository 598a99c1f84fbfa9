// Filters that are separable: one matrix per axis, so that one function serves signals, images and clips.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <cstdint>

namespace attune::plugins {

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
