// The modules of a program and their tensors.
#pragma once

#include <map>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <tuple>
#include <utility>
#include <vector>

#include "model/graph/graph.h"

namespace attune {

// Modules are made when a path first leads through them.
class ModuleTree {
 public:
  // Types of modules by path, without their packages.
  explicit ModuleTree(const std::map<std::string, std::string>& types);

  torch::jit::Module& at(const std::string& path);
  // Tied parameters, which are one tensor in the file, stay one. Throws Error(Fault::input) for a path that is taken.
  void add(const std::string& path, const at::Tensor& tensor, bool parameter);

  // "layer1.0" and "conv" of "layer1.0.conv".
  static std::pair<std::string, std::string> split(const std::string& path);

 private:
  torch::jit::Module make(const std::string& type) const;

  using Layout = std::tuple<const void*, std::vector<int64_t>, std::vector<int64_t>>;

  const std::map<std::string, std::string>& types_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  std::map<std::string, torch::jit::Module> modules_;
  std::map<Layout, at::Tensor> tensors_;
};

// A TorchScript file of the program that `graph` is over these parameters. What a layer returns goes through its
// module's forward, which is the identity, so that the file's layers have the same names.
std::string as_torchscript(const torch::jit::Module& parameters, const LayeredGraph& graph);

}  // namespace attune
