// The values of a program: what its nodes take and give.
#pragma once

#include <c10/core/Device.h>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <torch/csrc/jit/ir/ir.h>

namespace attune {

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

}  // namespace attune
