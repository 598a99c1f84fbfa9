// What reads a program of torch.export (.pt2): its archive, its modules, its values, and its batch.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <tuple>
#include <utility>
#include <vector>

#include "formats/graph_source.h"

namespace attune {

// What a file holds. Tensors are named by their attribute paths.
struct ExportedArchive {
  nlohmann::json program;  // an ExportedProgram of torch/_export/serde/schema.py
  NamedTensors state;      // the model's state_dict()
  NamedTensors constants;  // and what else its operators take: buffers that are not persistent, constants
  std::function<void(const std::filesystem::path&, const NamedTensors&)> write = {};  // see OwnFile
  bool shared = false;  // the tensors are somebody's own, and the model's parameters are the same ones
};

// The program of a file, or the text of one alone. Throws Error(Fault::input) for what is no JSON.
nlohmann::json program_json(const std::string& text, const std::string& record);

// Tensors that share a storage in the file share it here. Throws Error(Fault::input) for archives that are damaged,
// hold several programs or compiled code only, or were written in a form that is not known here.
ExportedArchive read_archive(const std::filesystem::path& path, c10::Device device);

ModelSource exported_source(ExportedArchive archive);

// Puts the nodes of graphs within the program's graph, which stand under torch.no_grad or torch.autocast, into the
// places of the nodes that run them, between nodes of these targets. Names get prefixes.
void inline_subgraphs(nlohmann::json& program);
constexpr const char* set_gradients_target = "attune.set_gradients";    // (on)
constexpr const char* enter_autocast_target = "attune.enter_autocast";  // (device, type, enabled...)
constexpr const char* exit_autocast_target = "attune.exit_autocast";    // ()

// Whole numbers, which the library would make of any others. Throw Error(Fault::input) for what is none.
int64_t whole(const nlohmann::json& number);
std::vector<int64_t> wholes(const nlohmann::json& list);

// Of the file's own number of a type, which is not LibTorch's. Throws Error(Fault::input) for types that models have no
// operators for.
c10::ScalarType scalar_type(int64_t number);

// The modules of a program, as its nodes remember them.
GraphLayers exported_layers(const nlohmann::json& graph);

// The kind and the content of one of the schema's unions, {kind: content}. Throws Error(Fault::input) for anything
// else.
std::pair<std::string, const nlohmann::json&> union_of(const nlohmann::json& value);

// The tensors that a node takes or gives.
std::vector<std::string> tensors_of(const nlohmann::json& arguments);

// What stands for the operator aten::`name` in programs that are read, or nothing.
torch::jit::GraphFunction* core_operator(const std::string& name);

// The values of a program: what its nodes take and give.
class ProgramValues {
 public:
  // `device`: that of the model, which stands for whatever device it was exported on.
  ProgramValues(torch::jit::Graph& graph, torch::jit::Value* self, c10::Device device)
      : graph_(graph), self_(self), device_(device) {}

  // `name` is the parameter or buffer at `path`, which is read where it is first used.
  void set_attribute(const std::string& name, const std::string& path) { attributes_[name] = path; }
  bool is_attribute(const std::string& name) const { return attributes_.count(name) != 0; }
  void set(const std::string& name, torch::jit::Value* value) { values_[name] = value; }

  // What an argument of the schema's union type stands for, as a value at the graph's insert point. Throws
  // Error(Fault::input) for a name that nothing has made and for kinds that are not known.
  torch::jit::Value* read(const nlohmann::json& argument);
  torch::jit::Value* constant(const c10::IValue& value) { return graph_.insertConstant(value); }

 private:
  torch::jit::Value* attribute(const std::string& path);
  torch::jit::Value* value(const std::string& name);
  torch::jit::Value* scalar(const nlohmann::json& argument, const char* plain);
  torch::jit::Value* optional_tensor(const nlohmann::json& entry);
  template <class Read>
  torch::jit::Value* list(const nlohmann::json& entries, const c10::TypePtr& type, Read read);

  torch::jit::Graph& graph_;
  torch::jit::Value* self_;
  c10::Device device_;
  std::map<std::string, std::string> attributes_;   // paths by name
  std::map<std::string, torch::jit::Value*> read_;  // attributes by path
  std::map<std::string, torch::jit::Value*> values_;
};

// A program that was exported without dynamic shapes holds the batch of its example in views and expansions. This takes
// it out where it stands in axis 0, and checks by running it that rows do not depend on each other afterwards.
class FixedBatch {
 public:
  // `sizes`: what the program says of its input's.
  FixedBatch(const nlohmann::json& graph, const std::string& input);

  bool any() const { return batch_ == 0; }
  // The sizes that `node` gives as `argument`, with -1 for what comes from the batch; nothing where they may stay.
  // Nodes are given in their order.
  std::optional<std::vector<int64_t>> freed(const nlohmann::json& node, const std::string& operation,
                                            const std::string& argument, const nlohmann::json& given);
  // What `node` gives has the batch in it when what it takes has.
  void pass_on(const nlohmann::json& node);
  // Throws Error(Fault::input) unless one row gives what it gives beside another.
  void check(const ModelSource& source) const;

 private:
  const nlohmann::json& graph_;
  std::vector<int64_t> sizes_;
  int64_t batch_ = 0;  // 0: any
  std::set<std::string> batched_;
};

}  // namespace attune
