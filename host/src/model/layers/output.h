// From what a model returns to its scores.
#pragma once

#include <ATen/core/ivalue.h>
#include <string>

#include <attune/model.h>

#include "model/graph/graph.h"

namespace attune {

// The tensor that `selector` names: an index of a tuple or list, a key of a dict; "auto" takes a tensor as it is, the
// first tensor of a tuple, and "out", "logits" or the only entry of a dict. Throws Error(Fault::input).
at::Tensor select_output(const c10::IValue& value, const std::string& selector);

// The same as [rows,K]: [rows] and [rows,K,1..] are brought to that. Throws Error(Fault::input) for anything else.
at::Tensor scores_of(const c10::IValue& value, const std::string& selector, int64_t rows);

// What the operators that make the selected output say of it.
OutputKind output_kind(const LayeredGraph& graph, const std::string& selector);

// See ImageModel::probabilities() and ImageModel::logits().
at::Tensor probabilities_of(const at::Tensor& output, OutputKind kind, bool multi_label);
at::Tensor logits_of(const at::Tensor& output, OutputKind kind);

}  // namespace attune
