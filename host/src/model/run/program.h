// A compiled piece of a model.
#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <vector>

#include "model/graph/graph.h"
#include "model/graph/operators.h"

namespace attune {

// Runs on the plain interpreter: the profiling executor's second derivatives fail or are wrong after the second call.
// Holds no state, so any number of threads may run it.
class Program {
 public:
  explicit Program(const LayeredGraph& graph) : code_(graph, "forward") {}

  // `arguments` follow (self, rule); see slice().
  std::vector<c10::IValue> run(const c10::IValue& self, const c10::intrusive_ptr<GradientRule>& rule,
                               const std::vector<c10::IValue>& arguments) const {
    torch::jit::Stack stack{self, c10::IValue::make_capsule(rule)};
    stack.insert(stack.end(), arguments.begin(), arguments.end());
    const at::AutoGradMode mode(at::GradMode::is_enabled());  // a piece may end where the model switches gradients off
    torch::jit::InterpreterState(code_).run(stack);
    return stack;
  }

 private:
  torch::jit::Code code_;
};

}  // namespace attune
