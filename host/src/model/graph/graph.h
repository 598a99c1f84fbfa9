// The graph of a model, whatever kind of file it comes from: marked by the format that reads it, rewritten once by the
// engine so that it can be cut at layers and run in pieces.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <vector>

#include <attune/model.h>

#include "model/failure.h"

namespace attune {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// Every node of a block, those inside of a node before itself. `visit` may destroy the node that it is given.
template <class AnyBlock, class Visit>
void for_each_node(AnyBlock* block, const Visit& visit) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    auto* node = *it++;
    for (auto* inner : node->blocks()) for_each_node(inner, visit);
    visit(node);
  }
}

template <class AnyBlock, class Is>
auto nodes_where(AnyBlock* block, const Is& is) {
  std::vector<decltype(*block->nodes().begin())> found;
  for_each_node(block, [&](auto* node) {
    if (is(node)) found.push_back(node);
  });
  return found;
}

// The words of a text.
std::set<std::string> words(const std::string& text);
// Whether a node is an operator of LibTorch's or of attune's that is called so, without a namespace.
bool is_one_of(const Node* node, const std::set<std::string>& names);

// Puts a node with one output in the place of another; gives it.
Node* replace_by(Node* old, Node* made);
// At the graph's insert point: what an operator of one output gives, which is of that type.
Value* insert(Graph& graph, c10::Symbol kind, at::ArrayRef<Value*> inputs, const c10::TypePtr& type);

// What a layer returns goes through an attune::layer node that carries the layer's name. A node's scope is the path of
// the module that it stands in. The inputs of a rewritten graph are (self, rule, x); activations go through
// attune::gate nodes, which read the rule.
using LayeredGraph = std::shared_ptr<Graph>;

using NamedTensors = std::map<std::string, at::Tensor>;

// Takes the next bytes of a file, all of them.
using Writer = std::function<size_t(const void* bytes, size_t size)>;

// A file in the format that a source came in.
struct OwnFile {
  std::string extension;  // ".pt2"
  // Writes to that path, whose final name is the caller's affair, the file that was read with `state` in the place of
  // its parameters and buffers; both have the names and shapes of the source's. Throws Error(Fault::output) where the
  // path cannot be written, Error(Fault::input) where the file that was read is needed and no longer there.
  std::function<void(const std::filesystem::path& path, const NamedTensors& state)> write;
};

// What a format makes of a file: all that the engine needs to know of a model.
struct ModelSource {
  std::string format;  // see ImageModel::source()
  // With the inputs (self, x): calls inlined, layers marked, parameters read as attributes of self. A format may leave
  // more inputs, tensors or collections of them, to explained_alone().
  LayeredGraph graph;
  // `self`: parameters, buffers and constants by their attribute paths, and the classes that layers are of. It needs no
  // code. Whoever copies a source shares them.
  torch::jit::Module parameters;
  // The model as its file has it, in the mode that it is in. Empty: the graph says it all.
  std::function<c10::IValue(const torch::jit::Module& parameters, std::vector<c10::IValue> inputs)> run = {};
  std::map<std::string, c10::IValue> defaults = {};  // of inputs that need not be given
  // Writes a TorchScript file with these parameters. Empty: there is no way to write one.
  std::function<void(const torch::jit::Module& parameters, const Writer& write)> save = {};
  // Of formats other than TorchScript. Nothing: they cannot be written.
  std::optional<OwnFile> own = {};
  std::set<std::string> no_state = {};    // buffers that the eager module's state_dict() lacks, where that is known
  std::vector<std::string> remarks = {};  // what users should know of the file
  // What the file says that it takes, [C,S1..Sd]; empty: nothing.
  std::vector<int64_t> input = {};
  // Whether every score has a probability of its own, as the file says.
  bool multi_label = false;

  // What `run` or the graph gives.
  c10::IValue output(const at::Tensor& x) const;
};

// The source with the one input that `extra` does not give. Inputs go by their names; those in a dictionary, list or
// tuple by key or index ("features", "0"). What `extra` gives is [1,...], repeated for every row and read again by
// every run. Throws Error(Fault::input) with the inputs that there are for unknown names and unless one is left.
ModelSource explained_alone(const ModelSource& source, const NamedTensorList& extra);

// Calls what rewrites a graph, whose faults come out as Error(Fault::input) of one sentence.
template <class Call>
auto rewritten(Call&& call) -> decltype(call()) {
  return with_reason(Fault::input, "the model's graph cannot be rewritten", call);
}

// For formats: marks a value as what the layer at `path` returns, at the graph's insert point.
Value* mark_layer(Graph& graph, Value* value, const std::string& path);
// The second mark of a path becomes "path@2".
void number_repeated_calls(const LayeredGraph& graph);
// The path of the module whose forward a node stands in; "" for the model's own. Copies of a node keep it.
void set_scope(Node* node, const std::string& path);
std::string scope_of(Node* node);

// The name a mark carries.
const std::string& layer_name(const Node* mark);
// The value that a chain of marks passes on.
Value* unmarked(Value* value);
// The layers that can be cut and captured: those at the graph's top level, in program order.
std::vector<std::string> top_level_layers(const LayeredGraph& graph);
// Every mark, also those inside branches and loops that depend on the input.
std::vector<std::string> all_layers(const LayeredGraph& graph);

// The submodule or attribute at a dotted path ("layer4.2.conv3"), None where there is none.
torch::jit::IValue attribute_at(const torch::jit::Module& module, const std::string& path);
// The attribute path of a module value of the graph ("" for the model itself), or nothing when it is not a plain chain
// of attributes.
c10::optional<std::string> attribute_path(const Value* value, const Value* self);

// Evaluation mode, constant conditions folded, input checks lifted out of the way of layers, and in-place operations
// made functional wherever that cannot be seen from outside.
void simplify(LayeredGraph& graph, const torch::jit::Module& module);

// Puts a gate behind every activation function. Returns the operators gated, in order ("relu", "gelu"...).
std::vector<std::string> gate_activations(LayeredGraph& graph);

// Constants computed beforehand, branches that are never taken and what nobody reads left out.
void fold(LayeredGraph& graph);

// A copy with parameters as constants (detached aliases), for passes that need no gradient of parameters.
LayeredGraph freeze(const LayeredGraph& graph, const torch::jit::Module& module);

// An If that raises in one case and does nothing in the other.
bool is_check(const Node* node);

// Rewrites `relu_(x)` to `relu(x)`, `list.append(y)` to `list + [y]` and so on wherever nothing else that is used later
// may share memory with what is written. Where only views share it, as in `y[:, 0] = z`, the write goes into a copy.
// Other writes stay as they are.
void functionalise(LayeredGraph& graph);

// Functions in TorchScript, each of the name and with the arguments of an operator. One that takes the rule takes it
// last; `attune.` are attune's own operators.
using OperatorFunctions = std::shared_ptr<torch::jit::CompilationUnit>;
OperatorFunctions compile_functions(const char* source);

// Puts the functions in the place of their operators. Whether there were any.
bool open_operators(Block* block, const OperatorFunctions& functions);

// A module with a fast path of fused operators for callers without gradients has another path too: that one is taken.
void avoid_fused_paths(LayeredGraph& graph);

// Opens fused operators that have no derivative: those of transformer encoders, as traced under torch.no_grad.
void open_fused_operators(LayeredGraph& graph);

// Transposed convolutions take float32 and give the type of their input, see compat.h.
void transpose_in_float32(LayeredGraph& graph);

// Opens what has a first derivative only: hardsigmoid, grid sampling, distances, fused attention (LibTorch 2.x).
void open_once_differentiable(const LayeredGraph& graph);

// What the object of a `with` block is. Nothing else is told from other classes.
bool is_autocast(const Value* object);
bool is_record_function(const Value* object);

// `with` blocks may reach across layers, and a graph that is cut between their nodes must still mean the same: this
// leaves no object and no prim::Enter behind. Casts of autocast become nodes of their own, at the places where LibTorch
// puts them; torch.no_grad becomes aten::set_grad_enabled of constants, where `true` is what the caller of a program
// wants.
void resolve_contexts(LayeredGraph& graph);

// The layers at the graph's top level where the model itself switches gradients off.
std::set<std::string> layers_without_gradient(const LayeredGraph& graph);

// Whether the model switches gradients off anywhere.
bool switches_gradients(const LayeredGraph& graph);

// For programs that run without gradients anyway.
void drop_gradient_switches(const LayeredGraph& graph);

// Begins a piece where gradients are off.
void begin_without_gradients(const LayeredGraph& graph);

}  // namespace attune
