// Shapes of an ONNX model as numbers: arithmetic with them becomes integers of the graph, and known ones are constants.
#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

using Elements = std::vector<Value*>;

constexpr int64_t most_computed = 64;  // at once, each by operators of its own

c10::Symbol aten(const std::string& name) { return c10::Symbol::fromQualString("aten::" + name); }

// Counts a value's numbers, from `first` on, in the shape that they have.
at::Tensor places_of(const OnnxValue& known, int64_t first = 0) {
  const c10::IntArrayRef sizes = known.elements ? c10::IntArrayRef(known.sizes) : known.constant.sizes();
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return at::arange(first, first + count, at::kLong).reshape(sizes);
}

Elements picked(const Elements& all, const at::Tensor& places) {
  Elements found;
  const at::Tensor list = places.contiguous();
  for (int64_t i = 0; i < list.numel(); ++i) {
    found.push_back(all.at(static_cast<size_t>(list.data_ptr<int64_t>()[i])));
  }
  return found;
}

}  // namespace

std::optional<int64_t> OnnxBuilder::integer_of(const Value* value) {
  const auto known = torch::jit::toIValue(value);
  if (!known) return std::nullopt;
  if (known->isBool()) return known->toBool() ? 1 : 0;
  return known->isInt() ? std::optional(known->toInt()) : std::nullopt;
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

bool OnnxBuilder::add_sizes(const OnnxNode& node) {
  const OnnxValue* input = input_of(node, 0);
  if (input == nullptr || input->rank < 0) refuse(node, "the number of axes of its input is not known");
  Elements sizes;
  for (int64_t i = 0; i < input->rank; ++i) {
    if (input->elements || input->constant.defined()) {
      sizes.push_back(constant(input->elements ? input->sizes[static_cast<size_t>(i)] : input->constant.size(i)));
    } else {
      sizes.push_back(graph_->insert(c10::aten::size, {tensor(node, 0), constant(i)}));
    }
  }
  if (node.op == "Size") {
    Value* all = constant(int64_t{1});
    for (Value* size : sizes) all = number(c10::aten::mul, {all, size});
    return take_elements(node.outputs[0], {all}, {}), true;
  }
  const auto limit = [&](const char* name, int64_t otherwise) {
    const auto given = node.attributes.find(name);
    const int64_t at = given == node.attributes.end() ? otherwise : given->second.i;
    return std::clamp<int64_t>(at < 0 ? at + input->rank : at, 0, input->rank);
  };
  const int64_t begin = limit("start", 0), end = std::max(begin, limit("end", input->rank));
  return take_elements(node.outputs[0], {sizes.begin() + begin, sizes.begin() + end}, {end - begin}), true;
}

// Arithmetic with shapes: element by element, in numbers of the graph. Whether the node is such.
bool OnnxBuilder::add_arithmetic(const OnnxNode& node) {
  // What only arranges its first input, or all of them.
  static const std::map<std::string, size_t> arranged{
      {"Concat", SIZE_MAX}, {"Expand", 1},  {"Flatten", 1}, {"Gather", 1},    {"Reshape", 1},  {"Slice", 1},
      {"Split", 1},         {"Squeeze", 1}, {"Tile", 1},    {"Transpose", 1}, {"Unsqueeze", 1}};
  static const std::map<std::string, bool (OnnxBuilder::*)(const OnnxNode&, const Numbers&)> kinds{
      {"Cast", &OnnxBuilder::convert_numbers},
      {"Floor", &OnnxBuilder::convert_numbers},
      {"Ceil", &OnnxBuilder::convert_numbers},
      {"Not", &OnnxBuilder::convert_numbers},
      {"Where", &OnnxBuilder::choose_numbers}};
  const auto is_computed = [&](const std::string& name) { return !name.empty() && value(name).elements; };
  if (std::none_of(node.inputs.begin(), node.inputs.end(), is_computed) || input_of(node, 0) == nullptr) return false;
  const auto found = arranged.find(node.op);
  if (found != arranged.end()) return arrange_numbers(node, found->second);
  if (node.op == "ReduceProd" || node.op == "ReduceSum") return reduce_numbers(node);
  const auto given = numbers_of(node);
  const auto kind = kinds.find(node.op);
  return given && (kind != kinds.end() ? (this->*kind->second)(node, *given) : combine_numbers(node, *given));
}

// Does with the numbers' places what the operator does with numbers.
bool OnnxBuilder::arrange_numbers(const OnnxNode& node, size_t arranged) {
  const auto place = [](const std::string& name) { return name.empty() ? name : "the places of " + name; };
  OnnxNode places = node;
  Elements all;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue* input = input_of(node, i);
    if (input == nullptr) continue;
    OnnxValue same = *input;
    const auto numbers = i < arranged ? elements(same) : Elements();
    if (!numbers || (i >= arranged && !is_fixed(same))) return false;
    if (i < arranged) {
      same.constant = places_of(*input, static_cast<int64_t>(all.size()));
      same.initializer.clear();
      same.elements.reset();
      all.insert(all.end(), numbers->begin(), numbers->end());
    }
    if (static_cast<int64_t>(all.size()) > most_elements) refuse(node, "it joins too many numbers");
    same.tensor = nullptr;
    values_[places.inputs[i] = place(node.inputs[i])] = same;
  }
  for (std::string& output : places.outputs) output = place(output);
  add_call(places);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const at::Tensor found = value(places.outputs[i]).constant;
    if (!found.defined()) return false;
    take_elements(node.outputs[i], picked(all, found), found.sizes().vec());
  }
  return true;
}

std::optional<OnnxBuilder::Numbers> OnnxBuilder::numbers_of(const OnnxNode& node) {
  Numbers given;
  std::vector<at::Tensor> places;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue* input = input_of(node, i);
    const auto numbers = input == nullptr ? std::nullopt : elements(*input);
    if (!numbers) return std::nullopt;
    places.push_back(places_of(*input));
    given.lists.push_back(*numbers);
  }
  places = at::broadcast_tensors(places);
  if (places[0].numel() > most_computed) return std::nullopt;
  for (size_t i = 0; i < places.size(); ++i) given.lists[i] = picked(given.lists[i], places[i]);
  given.sizes = places[0].sizes().vec();
  return given;
}

bool OnnxBuilder::convert_numbers(const OnnxNode& node, const Numbers& given) {
  const auto to = node.attributes.find("to");
  std::vector<const char*> steps{"floor", "Float"};
  if (node.op == "Ceil") steps[0] = "ceil";
  if (node.op == "Not") steps = {"__not__"};
  if (node.op == "Cast") {
    if (to == node.attributes.end()) return false;
    const c10::ScalarType type = onnx_scalar_type(to->second.i, node.name);
    steps = {type == c10::kBool ? "Bool" : c10::isFloatingType(type) ? "Float" : "Int"};
  }
  Elements made = given.lists[0];
  for (Value*& one : made) {
    for (const char* const step : steps) one = number(aten(step), {one});
  }
  take_elements(node.outputs[0], made, given.sizes);
  return true;
}

bool OnnxBuilder::reduce_numbers(const OnnxNode& node) {
  const OnnxValue& given = *input_of(node, 0);
  if (given.rank > 1 || !given.elements) return false;
  const bool multiplies = node.op == "ReduceProd";
  Value* all = constant(int64_t{multiplies ? 1 : 0});
  for (Value* one : *given.elements) all = number(aten(multiplies ? "mul" : "add"), {all, one});
  const auto keeps = node.attributes.find("keepdims");
  const bool drops = keeps != node.attributes.end() && keeps->second.i == 0;
  take_elements(node.outputs[0], {all}, drops ? std::vector<int64_t>() : std::vector<int64_t>{1});
  return true;
}

bool OnnxBuilder::choose_numbers(const OnnxNode& node, const Numbers& given) {
  if (given.lists.size() != 3) return false;
  Elements chosen;
  for (size_t i = 0; i < given.lists[0].size(); ++i) {
    Value *condition = given.lists[0][i], *one = given.lists[1][i], *other = given.lists[2][i];
    if (const auto known = integer_of(condition)) {
      chosen.push_back(*known != 0 ? one : other);
      continue;
    }
    Value* yes = number(aten("Int"), {condition});
    Value* no = number(aten("sub"), {constant(int64_t{1}), yes});
    chosen.push_back(number(aten("add"), {number(aten("mul"), {yes, one}), number(aten("mul"), {no, other})}));
  }
  take_elements(node.outputs[0], chosen, given.sizes);
  return true;
}

bool OnnxBuilder::combine_numbers(const OnnxNode& node, const Numbers& given) {
  static const std::map<std::string, const char*> names{
      {"Add", "aten::add"},     {"Sub", "aten::sub"},  {"Mul", "aten::mul"},           {"Equal", "aten::eq"},
      {"Greater", "aten::gt"},  {"Less", "aten::lt"},  {"GreaterOrEqual", "aten::ge"}, {"LessOrEqual", "aten::le"},
      {"Min", "prim::min"},     {"Max", "prim::max"},  {"Mod", "aten::remainder"},     {"Div", "aten::div"},
      {"And", "aten::__and__"}, {"Or", "aten::__or__"}};
  const auto name = names.find(node.op);
  if (name == names.end() || given.lists.size() != 2 || given.lists[0].empty() || given.lists[1].empty()) return false;
  Elements made;
  for (size_t i = 0; i < given.lists[0].size(); ++i) {
    Value *a = given.lists[0][i], *b = given.lists[1][i];
    const bool whole = a->type()->kind() == c10::TypeKind::IntType && b->type()->kind() == c10::TypeKind::IntType;
    const bool divides = whole && (node.op == "Div" || node.op == "Mod");
    Value* one = divides ? quotient(a, b) : number(c10::Symbol::fromQualString(name->second), {a, b});
    if (divides && node.op == "Mod") one = number(aten("sub"), {a, number(aten("mul"), {b, one})});
    made.push_back(one);
  }
  take_elements(node.outputs[0], made, given.sizes);
  return true;
}

}  // namespace attune
