// What an operator of ONNX becomes: an operator of LibTorch, or a function with all in it decided that is known.
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/loop_unrolling.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

#include <attune/sdk/error.h>

#include "formats/onnx/builder.h"
#include "formats/onnx/operators.h"

namespace attune {
namespace {

// What is decided by constants is decided.
void decide(const std::shared_ptr<Graph>& graph) {
  auto own = graph;
  for (int i = 0; i < 4; ++i) {
    torch::jit::ConstantPropagation(own);
    torch::jit::UnrollConstantLoops(own);
    torch::jit::ConstantPropagation(own);
    torch::jit::RemoveListMutation(own);
    torch::jit::PeepholeOptimize(own);
    torch::jit::LowerSimpleTuples(own);
    const auto nodes = own->nodes();
    if (std::none_of(nodes.begin(), nodes.end(), [](const Node* node) { return !node->blocks().empty(); })) break;
  }
  torch::jit::ConstantPropagation(own);
  torch::jit::EliminateDeadCode(own);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word.substr(0, 40);
  return text;
}

// Whether its first argument is a list of all inputs.
bool takes_all(const torch::jit::GraphFunction& function) {
  const auto list = function.getSchema().arguments()[0].type()->cast<c10::ListType>();
  return list && list->getElementType()->kind() == c10::TypeKind::TensorType;
}

// As the function declares it, or nothing.
std::optional<c10::IValue> attribute_as(const OnnxAttribute& given, const c10::TypePtr& declared) {
  const auto optional = declared->cast<c10::OptionalType>();
  const c10::TypePtr type = optional ? optional->getElementType() : declared;
  const bool is_list = type->kind() == c10::TypeKind::ListType;
  const auto kind = is_list ? type->expectRef<c10::ListType>().getElementType()->kind() : type->kind();
  const bool is_integer = given.type == OnnxAttribute::integer, is_number = given.type == OnnxAttribute::number;
  if (is_list && kind == c10::TypeKind::IntType && given.type == OnnxAttribute::integers) return given.ints;
  if (is_list && kind == c10::TypeKind::IntType && is_integer) return std::vector<int64_t>{given.i};
  if (is_list && kind == c10::TypeKind::FloatType && given.type == OnnxAttribute::numbers) return given.floats;
  if (is_list) return std::nullopt;
  if (kind == c10::TypeKind::IntType && is_integer) return given.i;
  if (kind == c10::TypeKind::FloatType && is_number) return given.f;
  if (kind == c10::TypeKind::FloatType && is_integer) return static_cast<double>(given.i);
  if (kind == c10::TypeKind::StringType && given.type == OnnxAttribute::text) return given.s;
  if (kind == c10::TypeKind::StringType && given.type == OnnxAttribute::words) return joined(given.texts);
  return std::nullopt;
}

}  // namespace

// Operators of LibTorch with the same inputs; numbers stay numbers, whatever the type of the tensor beside them.
bool OnnxBuilder::add_twin(const OnnxNode& node) {
  static const std::map<std::string, std::pair<const char*, const char*>> pairs{
      // and with its inputs exchanged
      {"Add", {"add", "add"}},          {"Sub", {"sub", "rsub"}},     {"Mul", {"mul", "mul"}},   {"Div", {"div", ""}},
      {"Pow", {"pow", "pow"}},          {"Equal", {"eq", "eq"}},      {"Greater", {"gt", "lt"}}, {"Less", {"lt", "gt"}},
      {"GreaterOrEqual", {"ge", "le"}}, {"LessOrEqual", {"le", "ge"}}};
  const auto aten = [](const std::string& name) { return c10::Symbol::fromQualString("aten::" + name); };
  const auto pair = pairs.find(node.op);
  const std::string twin = aten_twin(node.op);
  if ((twin.empty() && pair == pairs.end()) || input_of(node, 0) == nullptr) return false;
  bool is_constant = true;
  for (const std::string& name : node.inputs) is_constant = is_constant && is_fixed(value(name));
  std::vector<Value*> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue& known = value(node.inputs[i]);
    const bool is_number = pair != pairs.end() && known.constant.defined() && known.rank == 0 && !is_constant;
    const bool stays = is_constant && known.tensor == nullptr;
    inputs.push_back(is_number ? elements(known)->at(0) : stays ? constant(known.constant) : tensor(node, i));
  }
  if (pair == pairs.end()) return take(node, {number(aten(twin), inputs)}), true;
  if (inputs.size() != 2) refuse(node, "it does not have two inputs");
  const bool integral = value(node.inputs[0]).integral && value(node.inputs[1]).integral;
  const auto is_tensor = [](const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); };
  if (node.op == "Div" && integral) {
    return take(node, {graph_->insert(aten("div"), {inputs[0], inputs[1]}, {{"rounding_mode", constant("trunc")}})}),
           true;
  }
  if (is_tensor(inputs[0]) || node.op == "Pow") return take(node, {number(aten(pair->second.first), inputs)}), true;
  if (node.op == "Div") inputs[1] = graph_->insert(aten("reciprocal"), {inputs[1]});
  return take(node, {graph_->insert(aten(node.op == "Div" ? "mul" : pair->second.second), {inputs[1], inputs[0]})}),
         true;
}

void OnnxBuilder::add_call(const OnnxNode& node) {
  std::string name = node.op;
  const OnnxValue* index = node.op == "Gather" ? input_of(node, 1) : nullptr;
  if (index != nullptr && index->rank == 0 && elements(*index)) name = "Select";
  if (node.op == "Resize" && opset_ < 11) name = "Upsample";
  if (node.op == "Range" && input_of(node, 0) != nullptr && !input_of(node, 0)->integral) name = "RangeOfNumbers";
  if (node.op == "Attention" && node.domain == "com.microsoft") name = "AttentionOfPackedWeights";
  const auto filling = node.attributes.find("value");
  const bool fills = node.op == "ConstantOfShape" && filling != node.attributes.end() && filling->second.t != nullptr;
  if (fills && filling->second.t->type != 1 && filling->second.t->type < 10) name = "IntegersOfShape";
  torch::jit::GraphFunction* function = onnx_function(name);
  const bool is_operator = function != nullptr && std::isupper(static_cast<unsigned char>(node.op[0])) != 0;
  if (!is_operator) refuse(node, "it is not known");
  Call call{node, *function};
  call.is_constant = std::all_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& input) {
    return input.empty() || (is_fixed(value(input)) && value(input).tensor == nullptr);
  });
  std::vector<Value*> outer;
  std::shared_ptr<Graph> graph = specialised(call, outer);
  const auto is_result = [&] { return torch::jit::toIValue(graph->outputs()[0]).has_value(); };
  if (call.is_constant && !is_result()) {
    call.is_constant = false;
    outer.clear();
    graph = specialised(call, outer);
  }
  std::vector<Value*> results = torch::jit::insertGraph(*graph_, *graph, outer);
  const auto type = results[0]->type();
  const auto known = torch::jit::toIValue(results[0]);
  if (known && known->isTensorList()) {
    results.clear();
    for (const at::Tensor& one : known->toTensorVector()) results.push_back(constant(one));
  } else if (type->kind() == c10::TypeKind::TupleType) {
    results = graph_->insertNode(graph_->createTupleUnpack(results[0]))->outputs().vec();
  } else if (type->kind() == c10::TypeKind::ListType) {
    results = graph_->insertNode(graph_->createListUnpack(results[0], node.outputs.size()))->outputs().vec();
  }
  take(node, results);
}

// The function's graph with everything in it decided that is known.
std::shared_ptr<Graph> OnnxBuilder::specialised(const Call& call, std::vector<Value*>& outer) {
  const auto& declared = call.function.getSchema().arguments();
  for (const auto& [name, given] : call.node.attributes) {
    const auto is_it = [&, &name = name](const c10::Argument& argument) { return argument.name() == name; };
    if (name == "activation_alpha" || name == "activation_beta") continue;
    if (std::none_of(declared.begin(), declared.end(), is_it))
      refuse(call.node, "its attribute '" + name + "' is not known");
  }
  if (!takes_all(call.function) && call.node.inputs.size() > declared.size())
    refuse(call.node, "it has more inputs than are known");
  auto graph = call.function.graph()->copy();
  const auto inside = [&](Value* value) {
    const auto known = torch::jit::toIValue(value);
    if (known) return graph->insertConstant(*known);
    outer.push_back(value);
    return graph->addInput()->setType(value->type());
  };
  Node* const first = *graph->nodes().begin();
  for (size_t i = 0; i < declared.size(); ++i) {
    const Argument given = argument(call, i, declared[i]);
    const torch::jit::WithInsertPoint point(first);
    std::vector<Value*> values;
    for (Value* value : given.values) values.push_back(inside(value));
    Value* value = given.element != nullptr ? graph->insertNode(graph->createList(given.element, values))->output()
                   : values.empty()         ? graph->insertConstant(given.constant)
                                            : values[0];
    graph->inputs()[i]->replaceAllUsesWith(value);
  }
  for (size_t i = declared.size(); i > 0; --i) graph->eraseInput(i - 1);
  try {
    const MemoryLimit::Scope counted(limit_);
    decide(graph);
  } catch (const std::exception& error) {
    refuse(call.node, reason_of(error));
  }
  for (const Node* node : graph->nodes()) {
    if (node->kind() != c10::prim::RaiseException) continue;
    const auto message = torch::jit::toIValue(node->input(0));
    const std::string text = message && message->isString() ? message->toStringRef() : "it cannot be computed";
    const std::string kind = "AssertionError: ";
    refuse(call.node, text.compare(0, kind.size(), kind) == 0 ? text.substr(kind.size()) : text);
  }
  return graph;
}

OnnxBuilder::Argument OnnxBuilder::argument(const Call& call, size_t index, const c10::Argument& declared) {
  const OnnxNode& node = call.node;
  const bool is_variadic = takes_all(call.function);
  if (is_variadic && index == 0) {
    Argument all{{}, {}, c10::TensorType::get()};
    const auto has_batch = [&](const std::string& name) { return value(name).batch_axis == 0; };
    const bool stretches =
        node.op == "Concat" && batch_ == 1 && std::any_of(node.inputs.begin(), node.inputs.end(), has_batch);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Value* one = call.is_constant ? constant(value(node.inputs[i]).constant) : tensor(node, i);
      all.values.push_back(stretches ? with_batch(value(node.inputs[i]), one) : one);
    }
    return all;
  }
  if (!is_variadic && input_of(node, index) != nullptr) return from_input(call, index, declared);
  const auto given = node.attributes.find(declared.name());
  if (given != node.attributes.end() && given->second.t != nullptr) {
    const at::Tensor one = tensor_of(*given->second.t, model_.bytes, path_.parent_path());
    if (one.numel() != 1) refuse(node, "its attribute '" + declared.name() + "' is no number");
    return {one.is_floating_point() ? c10::IValue(one.item<double>()) : c10::IValue(one.item<int64_t>()), {}, nullptr};
  }
  if (given != node.attributes.end() && node.op == "Cast" && declared.name() == "to") {
    return {static_cast<int64_t>(onnx_scalar_type(given->second.i, node.name)), {}, nullptr};
  }
  if (given != node.attributes.end()) {
    const auto read = attribute_as(given->second, declared.type());
    if (!read) refuse(node, "its attribute '" + declared.name() + "' is of another type");
    return {*read, {}, nullptr};
  }
  Argument known = from_context(call, declared.name());
  if (!known.constant.isNone() || !known.values.empty()) return known;
  if (!declared.default_value()) refuse(node, "its input '" + declared.name() + "' is missing");
  return {*declared.default_value(), {}, nullptr};
}

OnnxBuilder::Argument OnnxBuilder::from_input(const Call& call, size_t index, const c10::Argument& declared) {
  const auto optional = declared.type()->cast<c10::OptionalType>();
  const c10::TypePtr type = optional ? optional->getElementType() : declared.type();
  const OnnxValue& known = *input_of(call.node, index);
  if (type->kind() == c10::TypeKind::TensorType) {
    if (call.is_constant) return {known.constant, {}, nullptr};
    return {{}, {tensor(call.node, index)}, nullptr};
  }
  const auto numbers = elements(known);
  if (!numbers) refuse(call.node, "its input '" + declared.name() + "' depends on what the picture shows");
  const bool is_list = type->kind() == c10::TypeKind::ListType;
  const c10::TypePtr element = is_list ? type->expectRef<c10::ListType>().getElementType() : type;
  std::vector<Value*> values = is_list ? adapted(call.node, *numbers) : *numbers;
  for (Value*& value : values) {
    if (value->type()->kind() == element->kind()) continue;
    const bool widens = element->kind() == c10::TypeKind::FloatType && value->type()->kind() == c10::TypeKind::IntType;
    if (!widens) refuse(call.node, "its input '" + declared.name() + "' is of another type");
    value = number(c10::Symbol::fromQualString("aten::Float"), {value});
  }
  if (!is_list && values.size() != 1) {
    if (values.empty() && optional) return {};
    refuse(call.node, "its input '" + declared.name() + "' is no number");
  }
  return {{}, values, is_list ? element : nullptr};
}

OnnxBuilder::Argument OnnxBuilder::from_context(const Call& call, const std::string& name) {
  const std::vector<int64_t> ranks = ranks_of(call.node);
  const auto filling = call.node.attributes.find("value");
  if (name == "opset") return {opset_, {}, nullptr};
  if (name == "type" && filling != call.node.attributes.end() && filling->second.t != nullptr) {
    return {static_cast<int64_t>(onnx_scalar_type(filling->second.t->type, call.node.name)), {}, nullptr};
  }
  if (name == "ranks") return {ranks, {}, nullptr};
  if (name == "integrals") {
    std::vector<int64_t> integrals;
    for (size_t i = 0; i < call.node.inputs.size(); ++i) {
      const OnnxValue* input = input_of(call.node, i);
      integrals.push_back(input != nullptr && input->integral ? 1 : 0);
    }
    return {integrals, {}, nullptr};
  }
  const auto& names = call.node.outputs;
  if (name == "outputs") return {static_cast<int64_t>(names.size()), {}, nullptr};
  if (name == "used") {
    const auto last = std::find_if(names.rbegin(), names.rend(), [&](const auto& it) { return used_.count(it) != 0; });
    return {static_cast<int64_t>(names.rend() - last), {}, nullptr};
  }
  if (name == "rank") {
    if (ranks.empty() || ranks[0] < 0) refuse(call.node, "the number of axes of its input is not known");
    return {ranks[0], {}, nullptr};
  }
  if (name == "like" && !call.is_constant) return {{}, {input_}, nullptr};
  const OnnxValue* input = name == "second" ? input_of(call.node, 1) : input_of(call.node, 0);
  if (name == "varies") return {int64_t{input == nullptr || input->varies ? 1 : 0}, {}, nullptr};
  const bool is_known = (name == "first" || name == "second") && input != nullptr && input->constant.defined();
  if (is_known) return {input->constant.sizes().vec(), {}, nullptr};
  return {};
}

std::vector<int64_t> OnnxBuilder::ranks_of(const OnnxNode& node) {
  std::vector<int64_t> ranks;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const OnnxValue* input = input_of(node, i);
    ranks.push_back(input == nullptr ? -1 : input->rank);
  }
  return ranks;
}

// Of the list of sizes or axes that the node takes.
int64_t OnnxBuilder::length_of(const OnnxNode& node) {
  const auto axes = node.attributes.find(node.op == "Reshape" ? "shape" : "axes");
  if (axes != node.attributes.end()) return static_cast<int64_t>(axes->second.ints.size());
  const OnnxValue* list = input_of(node, node.op == "ConstantOfShape" ? 0 : 1);
  const bool has_places = node.op == "GatherND" && list != nullptr && list->constant.defined() && list->rank > 0;
  if (has_places) return list->constant.size(-1);
  if (list == nullptr) return node.op.compare(0, 6, "Reduce") == 0 ? 0 : -1;
  if (list->elements) return static_cast<int64_t>(list->elements->size());
  return list->constant.defined() && list->constant.dim() < 2 ? list->constant.numel() : -1;
}

}  // namespace attune
