// What each operator does to the axes of its inputs.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <map>
#include <string>
#include <vector>

#include "model/layers/axes.h"

namespace attune {

// One call of an operator. `inputs` are complete, with defaults, in the order of the operator's schema.
struct AxisRule {
  AxisTracker& tracker;
  const std::vector<c10::IValue>& inputs;
  const std::vector<c10::IValue>& outputs;

  void apply(const std::string& op) const;

  // The axes of an input, or nothing.
  const Axes* axes(size_t input) const;
  at::Tensor output() const { return outputs[0].toTensor(); }
  // Every tensor among the results, those in lists too.
  std::vector<at::Tensor> results() const;
  // An input that numbers an axis of `rank` many.
  size_t axis(size_t input, size_t rank) const;
  void set(Axes axes) const;  // of the first result, when they fit it
};

namespace axis_rules {

using Rule = void (*)(const AxisRule&);

// Of operators that sum products with weights, by name.
std::map<std::string, Rule> products();

// The number of an axis that may be counted from the end.
size_t wrapped(int64_t axis, size_t rank);
// A list of integers, or a single one.
std::vector<int64_t> integers(const c10::IValue& value);

}  // namespace axis_rules
}  // namespace attune
