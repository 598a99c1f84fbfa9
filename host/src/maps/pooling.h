// From an output of any shape to a score for each class.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <string>

#include <attune/model.h>

namespace attune {

// What a model's output is made of, and how its numbers become a score [rows,K] for each class: one function, which
// every target weighs. Nothing of it depends on the rows.
struct Pooling {
  int64_t axis = 1;   // of the classes
  int64_t boxes = 0;  // numbers in front of them
  std::string of;     // "score", "probability" or "log_probability"
  std::string pick;   // "sum", "mean", "max" or "topN"
  OutputKind kind = OutputKind::scores;
  bool multi_label = false;

  // [rows,K,P]: classes by positions.
  at::Tensor by_position(const at::Tensor& output) const;
  // [rows,K] of positions [rows or 1,P] that count; undefined: all.
  at::Tensor pooled(const at::Tensor& values, const at::Tensor& region) const;

 private:
  at::Tensor over(const at::Tensor& values, const at::Tensor& counts) const;
  at::Tensor measured(const at::Tensor& values) const;
};

}  // namespace attune
