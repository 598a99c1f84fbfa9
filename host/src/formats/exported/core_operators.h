#pragma once

#include <string>
#include <torch/csrc/jit/api/function_impl.h>

namespace attune {

// What stands for the operator aten::`name` in programs that are read, or nothing.
torch::jit::GraphFunction* core_operator(const std::string& name);

}  // namespace attune
