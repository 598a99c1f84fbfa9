// A TorchScript model's forward, rewritten once so that it can be cut at layers and run in pieces.
#pragma once

#include <memory>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <vector>

namespace attune {

// A graph with the inputs (self, rule, x). Outputs of submodule calls go through attune::layer nodes that carry the
// layer's name, activations through attune::gate nodes. A node's scope is the path of the module that it stands in.
using LayeredGraph = std::shared_ptr<torch::jit::Graph>;

// A copy of `module`'s forward with every call inlined and the output of every `forward` marked with its attribute
// path; the second call of one module is "path@2". The module itself is not touched.
LayeredGraph inline_calls(const torch::jit::Module& module);

// Evaluation mode, constant conditions folded, input checks lifted out of the way of layers, and in-place operations
// made functional wherever that cannot be seen from outside.
void simplify(LayeredGraph& graph, const torch::jit::Module& module);

// Puts a gate behind every activation function. Returns the operators gated, in order ("relu", "gelu"...).
std::vector<std::string> gate_activations(LayeredGraph& graph);

// A copy with parameters as constants (detached aliases), for passes that need no gradient of parameters.
LayeredGraph freeze(const LayeredGraph& graph, const torch::jit::Module& module);

// An If that raises in one case and does nothing in the other.
bool is_check(const torch::jit::Node* node);

// The name a mark carries.
const std::string& layer_name(const torch::jit::Node* mark);

// The path of the module whose forward a node stands in; "" for the model's own.
std::string scope_of(torch::jit::Node* node);

// The value that a chain of marks passes on.
torch::jit::Value* unmarked(torch::jit::Value* value);

// The submodule or attribute at a dotted path ("layer4.2.conv3").
torch::jit::IValue attribute_at(const torch::jit::Module& module, const std::string& path);

// The attribute path of a module value of the graph ("" for the model itself), or nothing when it is not a plain chain
// of attributes.
c10::optional<std::string> attribute_path(const torch::jit::Value* value, const torch::jit::Value* self);

}  // namespace attune
