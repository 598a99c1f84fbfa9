// Values of an ONNX model: parameters, constants, and shapes as numbers.
#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>

#include <attune/sdk/error.h>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

using Elements = std::vector<Value*>;

constexpr int64_t most_elements = 4096;  // of constants that are looked at one by one

c10::Symbol aten(const std::string& name) { return c10::Symbol::fromQualString("aten::" + name); }

}  // namespace

std::optional<int64_t> OnnxBuilder::integer_of(const Value* value) {
  const auto known = torch::jit::toIValue(value);
  if (!known) return std::nullopt;
  if (known->isBool()) return known->toBool() ? 1 : 0;
  return known->isInt() ? std::optional(known->toInt()) : std::nullopt;
}

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
    Value* numbers =
        known.rank == 0
            ? known.elements->at(0)
            : graph_
                  ->insertNode(graph_->createList(
                      known.elements->empty() ? c10::TypePtr(c10::IntType::get()) : known.elements->at(0)->type(),
                      *known.elements))
                  ->output();
    return known.tensor = graph_->insert(aten("tensor"), {numbers}, {{"device", constant(device_)}});
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

std::optional<Elements> OnnxBuilder::elements(const OnnxValue& known) {
  if (known.elements) return known.elements;
  if (!known.constant.defined() || known.constant.dim() > 1 || known.constant.numel() > most_elements)
    return std::nullopt;
  Elements numbers;
  const at::Tensor list = known.constant.reshape({-1});
  for (int64_t i = 0; i < list.numel(); ++i) {
    const at::Scalar one = list[i].item();
    numbers.push_back(constant(one.isFloatingPoint() ? c10::IValue(one.toDouble())
                               : one.isBoolean()     ? c10::IValue(one.toBool())
                                                     : c10::IValue(one.toLong())));
  }
  return numbers;
}

// What the operator makes of numbers; computed at once where they are known.
Value* OnnxBuilder::number(c10::Symbol symbol, const Elements& arguments) {
  Value* made = graph_->insert(symbol, std::vector<torch::jit::NamedValue>(arguments.begin(), arguments.end()));
  const MemoryLimit::Scope counted(limit_);
  const auto result = torch::jit::runNodeIfInputsAreConstant(made->node());
  if (!result || result->size() != 1) return made;
  torch::jit::Node* node = made->node();
  made = constant(result->at(0));
  node->destroy();
  return made;
}

// Of integers, rounded down. LibTorch's remainder by 0 and quotient by -1 may stop the program.
Value* OnnxBuilder::quotient(Value* a, Value* b) {
  return integer_of(b) == -1 ? number(aten("neg"), {a}) : number(aten("floordiv"), {a, b});
}

// Arithmetic with shapes: element by element, in numbers of the graph. Whether the node is such.
bool OnnxBuilder::add_arithmetic(const OnnxNode& node) {
  const auto is_computed = [&](const std::string& name) { return !name.empty() && value(name).elements; };
  if (std::none_of(node.inputs.begin(), node.inputs.end(), is_computed) || input_of(node, 0) == nullptr) return false;
  Numbers given;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue* input = input_of(node, i);
    const auto read = input == nullptr ? Elements() : elements(*input);
    if (!read) return false;
    given.lists.push_back(*read);
    if (input != nullptr) given.rank = std::max(given.rank, input->rank);
  }
  static const std::map<std::string, bool (OnnxBuilder::*)(const OnnxNode&, const Numbers&)> kinds{
      {"Unsqueeze", &OnnxBuilder::hand_on},        {"Squeeze", &OnnxBuilder::hand_on},
      {"Identity", &OnnxBuilder::hand_on},         {"Reshape", &OnnxBuilder::hand_on},
      {"Flatten", &OnnxBuilder::hand_on},          {"Concat", &OnnxBuilder::join_numbers},
      {"Gather", &OnnxBuilder::pick_numbers},      {"Slice", &OnnxBuilder::cut_numbers},
      {"Cast", &OnnxBuilder::convert_numbers},     {"Floor", &OnnxBuilder::convert_numbers},
      {"Ceil", &OnnxBuilder::convert_numbers},     {"ReduceProd", &OnnxBuilder::reduce_numbers},
      {"ReduceSum", &OnnxBuilder::reduce_numbers}, {"Where", &OnnxBuilder::choose_numbers}};
  const auto kind = kinds.find(node.op);
  return kind != kinds.end() ? (this->*kind->second)(node, given) : combine_numbers(node, given);
}

bool OnnxBuilder::hand_on(const OnnxNode& node, const Numbers& given) {
  const int64_t rank = input_of(node, 0)->rank;
  if (node.op == "Unsqueeze" && rank != 0) return false;
  const bool drops = node.op == "Squeeze" && given.lists[0].size() == 1;
  take_elements(node, given.lists[0], node.op == "Identity" ? rank : drops ? 0 : 1);
  return true;
}

bool OnnxBuilder::join_numbers(const OnnxNode& node, const Numbers& given) {
  Elements all;
  for (const Elements& part : given.lists) all.insert(all.end(), part.begin(), part.end());
  if (static_cast<int64_t>(all.size()) > most_elements) refuse(node, "it joins too many numbers");
  take_elements(node, all, 1);
  return true;
}

bool OnnxBuilder::pick_numbers(const OnnxNode& node, const Numbers& given) {
  const auto size = static_cast<int64_t>(given.lists[0].size());
  if (input_of(node, 1) == nullptr) return false;
  Elements picked;
  for (const Value* one : given.lists.at(1)) {
    const auto index = integer_of(one);
    if (!index) return false;
    const int64_t at = *index < 0 ? *index + size : *index;
    if (at < 0 || at >= size) refuse(node, "it picks an axis that there is not");
    picked.push_back(given.lists[0][static_cast<size_t>(at)]);
  }
  take_elements(node, picked, input_of(node, 1)->rank);
  return true;
}

bool OnnxBuilder::cut_numbers(const OnnxNode& node, const Numbers& given) {
  const auto size = static_cast<int64_t>(given.lists[0].size());
  std::vector<int64_t> limits;
  for (const char* const name : {"starts", "ends"}) {
    const auto set = node.attributes.find(name);
    const size_t input = limits.size() + 1;
    const auto number = set != node.attributes.end() && !set->second.ints.empty() ? std::optional(set->second.ints[0])
                        : input < given.lists.size() && given.lists[input].size() == 1
                            ? integer_of(given.lists[input][0])
                            : std::nullopt;
    if (!number) return false;
    limits.push_back(std::clamp<int64_t>(*number < 0 ? *number + size : *number, 0, size));
  }
  if (given.lists.size() > 4 && !given.lists[4].empty() && integer_of(given.lists[4][0]) != 1) return false;
  take_elements(node, {given.lists[0].begin() + limits[0], given.lists[0].begin() + std::max(limits[0], limits[1])}, 1);
  return true;
}

bool OnnxBuilder::convert_numbers(const OnnxNode& node, const Numbers& given) {
  const auto to = node.attributes.find("to");
  std::vector<const char*> steps{"floor", "Float"};
  if (node.op == "Ceil") steps[0] = "ceil";
  if (node.op == "Cast") {
    if (to == node.attributes.end() || to->second.i == 9) return false;
    steps = {c10::isFloatingType(onnx_scalar_type(to->second.i, node.name)) ? "Float" : "Int"};
  }
  Elements made = given.lists[0];
  for (Value*& one : made) {
    for (const char* const step : steps) one = number(aten(step), {one});
  }
  take_elements(node, made, input_of(node, 0)->rank);
  return true;
}

bool OnnxBuilder::reduce_numbers(const OnnxNode& node, const Numbers& given) {
  const bool multiplies = node.op == "ReduceProd";
  Value* all = constant(int64_t{multiplies ? 1 : 0});
  for (Value* one : given.lists[0]) all = number(aten(multiplies ? "mul" : "add"), {all, one});
  const auto keeps = node.attributes.find("keepdims");
  take_elements(node, {all}, keeps != node.attributes.end() && keeps->second.i == 0 ? 0 : 1);
  return true;
}

bool OnnxBuilder::choose_numbers(const OnnxNode& node, const Numbers& given) {
  if (given.lists.size() != 3) return false;
  Elements chosen;
  for (size_t i = 0; i < given.size(); ++i) {
    Value *condition = given.at(0, i), *one = given.at(1, i), *other = given.at(2, i);
    if (const auto known = integer_of(condition)) {
      chosen.push_back(*known != 0 ? one : other);
      continue;
    }
    Value* yes = number(aten("Int"), {condition});
    Value* no = number(aten("sub"), {constant(int64_t{1}), yes});
    chosen.push_back(number(aten("add"), {number(aten("mul"), {yes, one}), number(aten("mul"), {no, other})}));
  }
  take_elements(node, chosen, given.rank);
  return true;
}

bool OnnxBuilder::combine_numbers(const OnnxNode& node, const Numbers& given) {
  static const std::map<std::string, const char*> names{
      {"Add", "aten::add"},    {"Sub", "aten::sub"}, {"Mul", "aten::mul"},           {"Equal", "aten::eq"},
      {"Greater", "aten::gt"}, {"Less", "aten::lt"}, {"GreaterOrEqual", "aten::ge"}, {"LessOrEqual", "aten::le"},
      {"Min", "prim::min"},    {"Max", "prim::max"}, {"Mod", "aten::remainder"},     {"Div", "aten::div"}};
  const auto name = names.find(node.op);
  if (name == names.end() || given.lists.size() != 2 || given.lists[0].empty() || given.lists[1].empty()) return false;
  Elements made;
  for (size_t i = 0; i < given.size(); ++i) {
    Value *a = given.at(0, i), *b = given.at(1, i);
    const bool whole = a->type()->kind() == c10::TypeKind::IntType && b->type()->kind() == c10::TypeKind::IntType;
    const bool divides = whole && (node.op == "Div" || node.op == "Mod");
    Value* one = divides ? quotient(a, b) : number(c10::Symbol::fromQualString(name->second), {a, b});
    if (divides && node.op == "Mod") one = number(aten("sub"), {a, number(aten("mul"), {b, one})});
    made.push_back(one);
  }
  take_elements(node, made, given.rank);
  return true;
}

}  // namespace attune
