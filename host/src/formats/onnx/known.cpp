// Nodes of an ONNX model that need no operator: constants, branches that a constant chooses, what hands on its input.
#include <algorithm>

#include <attune/sdk/error.h>

#include "formats/onnx/builder.h"
#include "formats/onnx/operators.h"

namespace attune {

// What needs no operator. Whether it was that.
bool OnnxBuilder::add_known(const OnnxNode& node) {
  static const std::map<std::string, bool (OnnxBuilder::*)(const OnnxNode&)> kinds{
      {"Constant", &OnnxBuilder::add_constant}, {"If", &OnnxBuilder::add_branch},   {"Identity", &OnnxBuilder::hand_on},
      {"Dropout", &OnnxBuilder::hand_on},       {"Shape", &OnnxBuilder::add_sizes}, {"Size", &OnnxBuilder::add_sizes},
      {"Cast", &OnnxBuilder::add_cast}};
  static const std::set<std::string> microsoft{"Gelu", "FastGelu", "QuickGelu", "Attention"};
  if (node.outputs.empty() || node.outputs[0].empty()) refuse(node, "it has no output");
  const bool is_known = node.domain == "com.microsoft" && microsoft.count(node.op) != 0;
  const std::string reason = is_known || (node.op == "If" && node.domain.empty()) ? "" : why_refused(node);
  if (!reason.empty()) refuse(node, "it " + reason);
  const auto kind = kinds.find(node.op);
  return kind != kinds.end() && (this->*kind->second)(node);
}

bool OnnxBuilder::hand_on(const OnnxNode& node) {
  const OnnxValue* input = input_of(node, 0);
  if (input == nullptr) refuse(node, "it has no input");
  if (input->tensor != nullptr && !input->elements) return take(node, {input->tensor}), true;
  const OnnxValue same = *input;
  OnnxValue& named = values_[node.outputs[0]] = same;
  if (!named.initializer.empty()) named.name = node.outputs[0];
  return true;
}

// Precision is the model's; whoever made it of integers has numbers of the input's type.
bool OnnxBuilder::add_cast(const OnnxNode& node) {
  const OnnxValue* input = input_of(node, 0);
  if (input == nullptr || input->elements || is_integral(node, 0, {})) return false;
  if (input->constant.defined()) {
    if (is_fixed(*input) || input->integral) return false;
    OnnxValue same = *input;
    same.tensor = nullptr;
    same.constant = same.constant.to(onnx_scalar_type(node.attributes.at("to").i, node.name));
    values_[node.outputs[0]] = same;
    return true;
  }
  Value* same = input->tensor;
  if (input->integral) same = graph_->insert(c10::Symbol::fromQualString("aten::type_as"), {same, input_});
  return take(node, {same}), true;
}

bool OnnxBuilder::add_constant(const OnnxNode& node) {
  if (values_.count(node.outputs[0]) != 0 && !value(node.outputs[0]).initializer.empty()) return true;  // a weight
  at::Tensor numbers;
  for (const auto& [name, given] : node.attributes) {
    if (name == "value" && given.t != nullptr) numbers = tensor_of(*given.t, model_.bytes, path_.parent_path());
    if (name == "value_float") numbers = at::scalar_tensor(given.f, at::kFloat);
    if (name == "value_int") numbers = at::scalar_tensor(given.i, at::kLong);
    if (name == "value_floats") numbers = at::tensor(given.floats, at::kDouble).to(at::kFloat);
    if (name == "value_ints") numbers = at::tensor(given.ints, at::kLong);
  }
  if (!numbers.defined()) refuse(node, "it holds no numbers");
  return keep(node.outputs[0], numbers), true;
}

// The branch that a constant chooses.
bool OnnxBuilder::add_branch(const OnnxNode& node) {
  const OnnxValue* condition = input_of(node, 0);
  const auto numbers = condition == nullptr ? std::nullopt : elements(*condition);
  const auto chosen = numbers && numbers->size() == 1 ? torch::jit::toIValue(numbers->at(0)) : c10::nullopt;
  if (!chosen || !chosen->isBool()) refuse(node, "it " + why_refused(node));
  const auto branch = node.attributes.find(chosen->toBool() ? "then_branch" : "else_branch");
  if (branch == node.attributes.end() || branch->second.g == nullptr) refuse(node, "it lacks a branch");
  const OnnxGraph& inner = *branch->second.g;
  for (const OnnxTensor& tensor : inner.initializers) {
    keep(tensor.name, tensor_of(tensor, model_.bytes, path_.parent_path()));
  }
  for (const OnnxNode& step : inner.nodes) add_node(step, model_.graph.nodes.size());
  for (size_t i = 0; i < std::min(node.outputs.size(), inner.outputs.size()); ++i) {
    values_[node.outputs[i]] = value(inner.outputs[i].name);
  }
  return true;
}

}  // namespace attune
