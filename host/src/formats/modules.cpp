#include <cctype>
#include <sstream>
#include <torch/csrc/jit/serialization/export.h>

#include <attune/sdk/error.h>

#include "formats/graph_source.h"
#include "model/graph/operators.h"

namespace attune {

namespace {

using torch::jit::Module;

constexpr size_t longest_path = 1000;

}  // namespace

ModuleTree::ModuleTree(const std::map<std::string, std::string>& types, bool shared)
    : types_(types), shared_(shared), unit_(std::make_shared<torch::jit::CompilationUnit>()) {
  modules_.emplace("", make("Model"));
  for (const auto& [path, type] : types) at(path);
}

Module& ModuleTree::at(const std::string& path) {
  const auto found = modules_.find(path);
  if (found != modules_.end()) return found->second;
  if (path.size() > longest_path)
    throw Error(Fault::input, "is damaged: it has a module's path of " + std::to_string(path.size()) + " letters");
  const auto type = types_.find(path);
  Module module = make(type == types_.end() ? "Module" : type->second);
  const auto [parent, name] = split(path);
  Module& holder = at(parent);
  if (name.empty() || holder.hasattr(name)) throw Error(Fault::input, "is damaged: it has '" + path + "' twice");
  holder.register_module(name, module);
  return modules_.emplace(path, module).first->second;
}

void ModuleTree::add(const std::string& path, const at::Tensor& tensor, bool parameter) {
  const auto [parent, name] = split(path);
  Module& module = at(parent);
  if (name.empty() || module.hasattr(name)) throw Error(Fault::input, "is damaged: it has '" + path + "' twice");
  const at::Tensor own = shared_ ? tensor : alias_of(tensor);
  if (!shared_ && parameter && own.is_floating_point()) own.set_requires_grad(true);
  parameter ? module.register_parameter(name, own, false) : module.register_buffer(name, own);
}

at::Tensor ModuleTree::alias_of(const at::Tensor& tensor) {
  at::Tensor& alias = tensors_[{tensor.data_ptr(), tensor.sizes().vec(), tensor.strides().vec()}];
  if (!alias.defined()) alias = tensor.variable_data();
  return alias;
}

std::pair<std::string, std::string> ModuleTree::split(const std::string& path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

Module ModuleTree::make(const std::string& type) const {
  std::string name;
  for (const char c : type) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name = "_" + name;
  Module module(c10::QualifiedName("__torch__." + name), unit_, true);
  module.register_attribute("training", c10::BoolType::get(), false);
  return module;
}

namespace {

// Puts a call of the layer's module in the place of its mark.
void call_layer(Graph& graph, Node* mark, const Module& parameters) {
  const std::string path = layer_name(mark).substr(0, layer_name(mark).find('@'));
  torch::jit::WithInsertPoint point(mark);
  Value* layer = graph.inputs()[0];
  std::istringstream names(path);
  for (std::string name; std::getline(names, name, '.');) layer = graph.insertGetAttr(layer, name);
  Module module(attribute_at(parameters, path).toObject());
  if (!module.find_method("forward")) module.define("def forward(self, x):\n    return x\n");
  Node* call = graph.insertNode(graph.create(c10::prim::CallMethod, {layer, mark->input(0)}));
  call->s_(c10::attr::name, "forward");
  call->output()->setType(c10::TensorType::get());
  mark->output()->replaceAllUsesWith(call->output());
  mark->destroy();
}

void define_forward(const Module& parameters, const LayeredGraph& graph) {
  const auto plain = graph->copy();
  for (auto it = plain->nodes().begin(); it != plain->nodes().end();) {
    Node* node = *it++;
    if (node->kind() == layer_symbol) call_layer(*plain, node, parameters);
  }
  const auto unit = parameters._ivalue()->compilation_unit();
  const c10::QualifiedName name(*parameters.type()->name(), "forward");
  parameters.type()->addMethod(unit->create_function(name, plain));
}

}  // namespace

decltype(ModelSource::save) as_torchscript(const LayeredGraph& graph) {
  return [graph](const Module& parameters, const Writer& write) {
    if (!parameters.find_method("forward")) define_forward(parameters, graph);
    torch::jit::ExportModule(parameters, write);
  };
}

}  // namespace attune
