// From what a model returns to its scores.
#pragma once

#include <ATen/core/ivalue.h>
#include <string>

namespace attune {

// The tensor that `selector` names: an index of a tuple or list, a key of a dict; "auto" takes a tensor as it is, the
// first tensor of a tuple, and "out", "logits" or the only entry of a dict. Throws Error(Fault::input).
at::Tensor select_output(const c10::IValue& value, const std::string& selector);

// Throws Error(Fault::input) unless `output` is [rows,K].
void check_scores(const at::Tensor& output, int64_t rows);

}  // namespace attune
