// What ONNX's operators are in LibTorch.
#pragma once

#include <string>
#include <torch/csrc/jit/api/function_impl.h>

#include "formats/onnx/message.h"
#include "model/graph/graph.h"

namespace attune {

// The function that stands for an operator, or nothing.
torch::jit::GraphFunction* onnx_function(const std::string& op);

// The operator of LibTorch that takes the same inputs and no attributes; "" where there is none.
std::string aten_twin(const std::string& op);

// Why models with this operator are refused; "" for those that are not known at all.
std::string why_refused(const OnnxNode& node);

// How many axes the operator's result `output` has; `ranks`: of its inputs, -1 for those left out. `length`: of the
// second input (or the attribute `axes`), when it is a list; -1 otherwise.
int64_t rank_of_result(const OnnxNode& node, size_t output, const std::vector<int64_t>& ranks, int64_t length);

// Whether its results are integers or booleans, when those of its inputs are `integral`.
bool is_integral(const OnnxNode& node, size_t output, const std::vector<bool>& integral);

}  // namespace attune
