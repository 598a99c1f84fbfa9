// Follows the axes of the input through the operators of one run.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <map>
#include <string>
#include <torch/csrc/jit/ir/ir.h>
#include <utility>
#include <vector>

#include "model/layers/axes.h"

namespace attune {

class AxisTracker {
 public:
  explicit AxisTracker(const at::Tensor& input);

  // What `op` ("conv2d") made of its inputs. The axes of results of unknown operators are those of the inputs as far as
  // the sizes allow that.
  void observe(const std::string& op, const std::vector<c10::IValue>& inputs, const std::vector<c10::IValue>& outputs);
  // Nothing when the tensor was not made of the input, or by an operator whose result cannot be told.
  const Axes* find(const at::Tensor& tensor) const;

  // For the rules of operators.
  void set(const at::Tensor& tensor, Axes axes);
  Axis new_channels(int64_t size);
  int64_t positions() const { return positions_; }

 private:
  // Held weakly: memory goes as it does without a tracker, and no address comes twice.
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  std::map<const c10::TensorImpl*, std::pair<Weak, Axes>> axes_;
  int64_t positions_ = 0;  // axes of the input
  int64_t channels_ = 0;   // sets of them that were made
};

// Puts an attune::watch node behind every operator of a graph that gives tensors.
void watch_operators(torch::jit::Block& block);

}  // namespace attune
