// What makes a model's source of a file that is a graph of operators: its layers, its modules, and the check of its
// rows.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <tuple>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/graph/graph.h"

namespace attune {

// A call of a module that a node stands in.
struct LayerFrame {
  std::string key;   // of the call
  std::string path;  // of the module
  std::string type;  // its class, without the package
};

struct GraphNode {
  std::vector<LayerFrame> frames;  // from the model inwards, the model itself left out
  std::vector<std::string> inputs, outputs;
};

struct GraphLayers {
  std::map<std::string, std::string> types;              // of a module's path
  std::map<std::string, std::vector<std::string>> ends;  // the layers that a value is the output of, innermost first
  std::map<size_t, std::string> scopes;                  // the path of the module whose forward a node stands in
};

// A module's output is the last value that a call of it makes and that others use. `outputs`: of the graph.
GraphLayers layers_of(const std::vector<GraphNode>& nodes, const std::vector<std::string>& outputs);

// The modules of a model and their tensors. Modules are made when a path first leads through them.
class ModuleTree {
 public:
  // Types of modules by path, without their packages. `shared`: tensors go into it as they are; else others of the same
  // memory do, which are told whether they take a gradient.
  explicit ModuleTree(const std::map<std::string, std::string>& types, bool shared = false);

  torch::jit::Module& at(const std::string& path);
  // Tied parameters, which are one tensor in the file, stay one. Throws Error(Fault::input) for a path that is taken.
  void add(const std::string& path, const at::Tensor& tensor, bool parameter);

  // "layer1.0" and "conv" of "layer1.0.conv".
  static std::pair<std::string, std::string> split(const std::string& path);

 private:
  torch::jit::Module make(const std::string& type) const;
  at::Tensor alias_of(const at::Tensor& tensor);

  using Layout = std::tuple<const void*, std::vector<int64_t>, std::vector<int64_t>>;

  const std::map<std::string, std::string>& types_;
  bool shared_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  std::map<std::string, torch::jit::Module> modules_;
  std::map<Layout, at::Tensor> tensors_;
};

// How a TorchScript file of the model that `graph` is over its parameters is written. What a layer returns goes through
// its module's forward, which is the identity, so that the file's layers have the same names.
decltype(ModelSource::save) as_torchscript(const LayeredGraph& graph);

// Reads a model's file. What is thrown becomes an Error of one sentence about the file, whose own words are printable
// in it.
template <class Call>
auto read_file(const std::filesystem::path& path, Call&& call) -> decltype(call()) {
  const auto model = [&] { return "model '" + path.string() + "' "; };
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.fault(), model() + printable(error.what()));
  } catch (const std::exception& error) {
    throw Error(Fault::input, model() + "is damaged: " + reason_of(error));
  }
}

// Whether the model gives one row what it gives it beside another, for an input of these sizes [N,C,S1..Sd].
bool has_independent_rows(const ModelSource& source, std::vector<int64_t> sizes);

}  // namespace attune
