// Values of an ONNX model: parameters and constants, what operators give, and tensors of the graph when somebody asks.
#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>

#include <attune/sdk/error.h>

#include "formats/onnx/builder.h"
#include "formats/onnx/operators.h"

namespace attune {

OnnxValue& OnnxBuilder::value(const std::string& name) {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  throw Error(Fault::input, "is damaged: nothing makes its value '" + name.substr(0, 100) + "'");
}

OnnxValue* OnnxBuilder::input_of(const OnnxNode& node, size_t index) {
  return index >= node.inputs.size() || node.inputs[index].empty() ? nullptr : &value(node.inputs[index]);
}

// The module or tensor at a path, read at the graph's beginning.
Value* OnnxBuilder::attribute(const std::string& path) {
  if (path.empty()) return graph_->inputs()[0];
  const auto found = attributes_.find(path);
  if (found != attributes_.end()) return found->second;
  const auto [parent, name] = ModuleTree::split(path);
  Value* const holder = attribute(parent);
  const torch::jit::WithInsertPoint point(first_);
  return attributes_[path] = graph_->insertGetAttr(holder, name);
}

Value* OnnxBuilder::tensor(const OnnxNode& node, size_t index) {
  OnnxValue& known = value(node.inputs[index]);
  if (known.tensor != nullptr) return known.tensor;
  if (known.elements) {
    const c10::TypePtr type =
        known.elements->empty() ? c10::TypePtr(c10::IntType::get()) : known.elements->at(0)->type();
    Value* numbers = known.rank == 0 ? known.elements->at(0)
                                     : graph_->insertNode(graph_->createList(type, *known.elements))->output();
    known.tensor = graph_->insert(c10::aten::tensor, {numbers}, {{"device", constant(device_)}});
    if (known.rank > 1) known.tensor = graph_->insert(c10::aten::reshape, {known.tensor, known.sizes});
    return known.tensor;
  }
  const bool is_given = !known.initializer.empty();
  std::string path =
      is_given ? parameter_path(known.name, node, index, scope_) : "constant_" + std::to_string(attributes_.size());
  while (attributes_.count(path) != 0 || layers_.types.count(path) != 0) path += "_";
  const bool is_statistic = node.op == "BatchNormalization" && index > 2;
  tree_.add(path, known.constant.to(device_), is_given && known.constant.is_floating_point() && !is_statistic);
  if (is_given) initializers_[path] = known.initializer;
  known.tensor = attribute(path);
  known.tensor->setType(c10::TensorType::get());
  return known.tensor;
}

bool OnnxBuilder::is_fixed(const OnnxValue& value) {
  const bool is_trained =
      !value.initializer.empty() && value.constant.is_floating_point() && value.constant.numel() > 1;
  return value.constant.defined() && !is_trained;
}

std::optional<std::vector<Value*>> OnnxBuilder::elements(const OnnxValue& known) {
  if (known.elements) return known.elements;
  if (!known.constant.defined() || known.constant.numel() > most_elements) return std::nullopt;
  std::vector<Value*> numbers;
  const at::Tensor list = known.constant.reshape({-1});
  for (int64_t i = 0; i < list.numel(); ++i) {
    const at::Scalar one = list[i].item();
    numbers.push_back(constant(one.isFloatingPoint() ? c10::IValue(one.toDouble())
                               : one.isBoolean()     ? c10::IValue(one.toBool())
                                                     : c10::IValue(one.toLong())));
  }
  return numbers;
}

void OnnxBuilder::keep(const std::string& name, const at::Tensor& constant, const std::string& initializer) {
  OnnxValue kept;
  kept.name = name;
  kept.constant = constant;
  kept.initializer = initializer;
  kept.rank = constant.dim();
  kept.integral = !constant.is_floating_point();
  values_[name] = kept;
}

void OnnxBuilder::take(const OnnxNode& node, const std::vector<Value*>& results) {
  std::vector<bool> integral;
  bool varies = false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue* input = input_of(node, i);
    if (input == nullptr) continue;
    integral.push_back(input->integral);
    varies = varies || input->varies;
  }
  const std::vector<int64_t> ranks = ranks_of(node);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    if (i >= results.size()) break;  // who uses it is refused
    OnnxValue made;
    made.name = node.outputs[i];
    const auto known = torch::jit::toIValue(results[i]);
    if (known && known->isTensor()) {
      made.constant = known->toTensor();
      made.rank = made.constant.dim();
      made.integral = !made.constant.is_floating_point();
    } else {
      made.rank = std::max<int64_t>(-1, rank_of_result(node, i, ranks, length_of(node)));
      if (made.rank > static_cast<int64_t>(most_sizes)) refuse(node, "its result has too many axes");
      made.integral = is_integral(node, i, integral);
      made.varies = varies;
      set_batch(node, made);
      made.tensor = results[i];
      const auto layers = layers_.ends.find(made.name);
      if (layers != layers_.ends.end()) {
        for (const std::string& layer : layers->second) made.tensor = mark_layer(*graph_, made.tensor, layer);
      }
    }
    values_[made.name] = made;
  }
}

// Numbers that are all known are a constant.
void OnnxBuilder::take_elements(const std::string& name, std::vector<Value*> elements,
                                const std::vector<int64_t>& sizes) {
  OnnxValue made;
  made.name = name;
  made.sizes = sizes;
  made.rank = static_cast<int64_t>(sizes.size());
  made.integral = elements.empty() || elements[0]->type()->kind() != c10::TypeKind::FloatType;
  std::vector<int64_t> whole;
  std::vector<double> numbers;
  for (const Value* element : elements) {
    const auto known = torch::jit::toIValue(element);
    if (known && known->isInt()) whole.push_back(known->toInt());
    if (known && known->isDouble()) numbers.push_back(known->toDouble());
  }
  if (std::max(whole.size(), numbers.size()) == elements.size()) {
    made.constant = (made.integral ? at::tensor(whole, at::kLong) : at::tensor(numbers, at::kFloat)).reshape(sizes);
  } else {
    made.elements = std::move(elements);
  }
  values_[made.name] = made;
}

}  // namespace attune
