// From an ONNX model to the engine's graph.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <torch/csrc/jit/ir/ir.h>
#include <vector>

#include "formats/graph_source.h"
#include "formats/memory_limit.h"
#include "formats/onnx/message.h"

namespace attune {

// The calls of modules that a model's nodes stand in, from what exporters write into names and metadata; where they
// write nothing, every operator with a place of its own is a layer, named after its parameters or numbered.
GraphLayers onnx_layers(const OnnxGraph& graph);

// The names of all that a node reads, in its branches too.
void add_inputs(const OnnxNode& node, std::set<std::string>& names);
// Leaves what the value `name` is made of, with that as the only output; the graph stays as it is where `name` is one
// of its outputs, or where nothing makes it.
void cut_behind(OnnxGraph& graph, const std::string& name);
// Makes initializers, which are trained, of constants that layers have as weights: Paddle's exporter writes all so.
void find_weights(OnnxGraph& graph);
// Joins what a graph holds in two: MatMul and Add are Linear.
void join_linear(OnnxGraph& graph);

// "conv1.weight" of an initializer that is named like that, or as the input `index` of a node in the layer `scope`.
std::string parameter_path(const std::string& name, const OnnxNode& node, size_t index, const std::string& scope);

// Puts gelu, silu, hardswish and mish in the place of the operators that they were exported as, so that rules for
// activations find them.
void find_activations(Graph& graph);

// What is known of a value when the graph is built.
struct OnnxValue {
  std::string name;
  Value* tensor = nullptr;                      // once somebody has used it as one
  at::Tensor constant;                          // of what does not depend on the input
  std::string initializer;                      // whose name that has in the file; "": none
  std::optional<std::vector<Value*>> elements;  // numbers that are computed,
  std::vector<int64_t> sizes;                   // and the shape that they have
  int64_t rank = -1;                            // -1: unknown
  bool integral = false;
  bool varies = false;      // with the model's input, and not by its sizes alone
  int64_t batch_axis = -1;  // of a model for one batch size: which axis it lies in; -1: in none
  int64_t batch_outer = 1;  // and in how many steps of that axis it lies
};

class OnnxBuilder {
 public:
  // `path`: of the file, to which parameters are written again. `output`: what is asked for, by name.
  OnnxBuilder(OnnxModel model, std::filesystem::path path, c10::Device device, std::string output);

  ModelSource build();

 private:
  static constexpr int64_t most_elements = 4096;  // of constants that are looked at one by one

  // One argument of an operator's function: a constant, values of the graph, or a list of both.
  struct Argument {
    c10::IValue constant;
    std::vector<Value*> values;
    c10::TypePtr element;  // of a list
  };
  // Inputs that are numbers, brought to one shape.
  struct Numbers {
    std::vector<std::vector<Value*>> lists;
    std::vector<int64_t> sizes;
  };
  struct Call {
    const OnnxNode& node;
    torch::jit::GraphFunction& function;
    bool is_constant = false;  // every input is
  };

  // inputs and outputs
  void add_input();
  void add_initializers();
  Value* output();
  std::string before_probabilities(const std::string& name);

  // nodes
  void add_node(const OnnxNode& node, size_t index);
  bool add_known(const OnnxNode& node);
  bool add_constant(const OnnxNode& node);
  bool add_branch(const OnnxNode& node);
  bool hand_on(const OnnxNode& node);
  bool add_sizes(const OnnxNode& node);
  bool add_cast(const OnnxNode& node);
  bool add_arithmetic(const OnnxNode& node);
  bool arrange_numbers(const OnnxNode& node, size_t arranged);
  std::optional<Numbers> numbers_of(const OnnxNode& node);
  bool convert_numbers(const OnnxNode& node, const Numbers& given);
  bool reduce_numbers(const OnnxNode& node);
  bool choose_numbers(const OnnxNode& node, const Numbers& given);
  bool combine_numbers(const OnnxNode& node, const Numbers& given);
  bool add_twin(const OnnxNode& node);
  void add_call(const OnnxNode& node);
  void keep(const std::string& name, const at::Tensor& constant, const std::string& initializer = "");
  void take(const OnnxNode& node, const std::vector<Value*>& results);
  void take_elements(const std::string& name, std::vector<Value*> elements, const std::vector<int64_t>& sizes);

  // Whether the value is a constant that nobody trains.
  static bool is_fixed(const OnnxValue& value);

  // calls of functions
  Argument argument(const Call& call, size_t index, const c10::Argument& declared);
  Argument from_input(const Call& call, size_t index, const c10::Argument& declared);
  Argument from_context(const Call& call, const std::string& name);
  std::shared_ptr<Graph> specialised(const Call& call, std::vector<Value*>& outer);

  // the batch
  // Sizes that the node takes, with zeros and ones as LibTorch has them, and any batch in the place of the file's.
  std::vector<Value*> adapted(const OnnxNode& node, std::vector<Value*> sizes);
  void free_batch(OnnxValue& data, std::vector<Value*>& sizes);
  Value* with_batch(const OnnxValue& part, Value* tensor);
  void set_batch(const OnnxNode& node, OnnxValue& result);

  // values
  OnnxValue& value(const std::string& name);
  OnnxValue* input_of(const OnnxNode& node, size_t index);
  Value* tensor(const OnnxNode& node, size_t index);
  Value* attribute(const std::string& path);
  std::optional<std::vector<Value*>> elements(const OnnxValue& value);
  // Of a constant integer or flag.
  static std::optional<int64_t> integer_of(const Value* value);
  Value* number(c10::Symbol symbol, const std::vector<Value*>& arguments);
  Value* quotient(Value* a, Value* b);
  Value* constant(const c10::IValue& value) { return graph_->insertConstant(value); }
  std::vector<int64_t> ranks_of(const OnnxNode& node);
  int64_t length_of(const OnnxNode& node);
  [[noreturn]] void refuse(const OnnxNode& node, const std::string& reason) const;

  OnnxModel model_;
  const std::filesystem::path path_;
  const c10::Device device_;
  const std::string asked_;  // the output that is asked for
  const int64_t opset_;
  GraphLayers layers_;
  ModuleTree tree_;
  std::shared_ptr<Graph> graph_;
  Value* input_ = nullptr;
  Node* first_ = nullptr;       // before which attributes are read
  std::vector<int64_t> sizes_;  // of the input as the file says them
  int64_t batch_ = 0;           // 0: any
  OnnxValue reshaped_;          // the last, with its batch where the new sizes have it
  std::string scope_;           // of the node that is added
  std::map<std::string, OnnxValue> values_;
  std::map<std::string, std::vector<int64_t>> known_sizes_;
  std::set<std::string> used_;                       // values
  std::map<std::string, Value*> attributes_;         // by path
  std::map<std::string, std::string> initializers_;  // the names of what stands at the paths of parameters
  const MemoryLimit limit_{int64_t{1} << 30};        // of what constants become
  std::vector<std::string> remarks_;
  bool multi_label_ = false;
};

}  // namespace attune
