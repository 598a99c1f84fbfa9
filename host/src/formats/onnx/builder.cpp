#include "formats/onnx/builder.h"

#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/loop_unrolling.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/csrc/jit/passes/remove_mutation.h>

#include <attune/sdk/error.h>

#include "formats/onnx/onnx.h"
#include "formats/onnx/operators.h"

namespace attune {
namespace {

using torch::jit::Graph;
using torch::jit::NamedValue;
using torch::jit::Node;
using torch::jit::Value;

constexpr int64_t oldest_opset = 7, newest_opset = 26;

bool has_channels_behind(const std::vector<int64_t>& sizes) {
  const auto is_colour = [](int64_t size) { return size == 1 || size == 3 || size == 4; };
  return sizes.size() > 3 && is_colour(sizes.back()) && !is_colour(sizes[1]);
}

int64_t opset_of(const OnnxModel& model) {
  const auto own = model.opsets.find("");
  if (own == model.opsets.end()) throw Error(Fault::input, "is damaged: it does not say which opset it is of");
  if (own->second >= oldest_opset && own->second <= newest_opset) return own->second;
  throw Error(Fault::input, "is of ONNX's opset " + std::to_string(own->second) + ", expected 9 to 21");
}

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
  return std::nullopt;
}

}  // namespace

OnnxBuilder::OnnxBuilder(OnnxModel model, std::filesystem::path path, c10::Device device)
    : model_((join_linear(model.graph), std::move(model))),
      path_(std::move(path)),
      device_(device),
      opset_(opset_of(model_)),
      layers_(onnx_layers(model_.graph)),
      tree_(layers_.types),
      graph_(std::make_shared<Graph>()) {}

ModelSource OnnxBuilder::build() {
  graph_->addInput("self")->setType(tree_.at("").type());
  add_initializers();
  add_input();
  for (size_t i = 0; i < model_.graph.nodes.size(); ++i) add_node(model_.graph.nodes[i], i);
  graph_->registerOutput(output());
  torch::jit::EliminateDeadCode(graph_);
  find_activations(*graph_);
  torch::jit::EliminateDeadCode(graph_);
  number_repeated_calls(graph_);
  ModelSource source{"onnx",
                     graph_,
                     tree_.at(""),
                     {},
                     {},
                     [graph = graph_](const torch::jit::Module& parameters) {
                       return as_torchscript(parameters, graph); }};
  source.own = OwnFile{".onnx", [path = path_, names = initializers_](const auto& to, const NamedTensors& state) {
                         std::map<std::string, at::Tensor> values;
                         for (const auto& [at, name] : names) {
                           if (state.count(at) != 0) values[name] = state.at(at);
                         }
                         write_initializers(path, to, values);
                       }};
  source.remarks = remarks_;
  source.multi_label = multi_label_;
  if (std::all_of(sizes_.begin() + 1, sizes_.end(), [](int64_t size) { return size > 0; })) {
    source.input.assign(sizes_.begin() + 1, sizes_.end());
  }
  if (batch_ == 0 || source.input.empty() || has_independent_rows(source, sizes_)) return source;
  throw Error(Fault::input, "was exported for batches of " + std::to_string(batch_) +
                                " alone; export it with a batch of any size (dynamic_axes, or dynamic_shapes)");
}

void OnnxBuilder::add_initializers() {
  first_ = graph_->insertNode(graph_->createNone());
  for (const OnnxTensor& tensor : model_.graph.initializers) {
    OnnxValue& value = values_[tensor.name];
    value.name = tensor.name;
    value.constant = tensor_of(tensor, model_.bytes, path_.parent_path());
    value.initializer = tensor.name;
    value.rank = value.constant.dim();
    value.integral = !value.constant.is_floating_point();
  }
  for (const OnnxValueInfo& info : model_.graph.values) {
    const bool is_known =
        info.sizes && std::none_of(info.sizes->begin(), info.sizes->end(), [](int64_t s) { return s < 0; });
    if (is_known) known_sizes_[info.name] = *info.sizes;
  }
}

namespace {

// Inputs go by names that arguments in Python can have.
std::string as_identifier(std::string name) {
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0 ? "x" + name : name;
}

}  // namespace

void OnnxBuilder::add_input() {
  std::vector<const OnnxValueInfo*> inputs;
  for (const OnnxValueInfo& input : model_.graph.inputs) {
    if (values_.count(input.name) == 0) inputs.push_back(&input);
  }
  if (inputs.empty()) throw Error(Fault::input, "takes no input");
  for (const OnnxValueInfo* input : inputs) {
    if (input->sizes && !input->sizes->empty()) continue;
    throw Error(Fault::input,
                "takes '" + input->name.substr(0, 60) + "' without saying its sizes; expected [N,C,S1..Sd]");
  }
  sizes_ = *inputs[0]->sizes;
  batch_ = std::max<int64_t>(0, sizes_[0]);
  for (const OnnxValueInfo* input : inputs) {
    Value* tensor = graph_->addInput()->setType(c10::TensorType::get())->setDebugName(as_identifier(input->name));
    const bool integral = !c10::isFloatingType(onnx_scalar_type(input->type, input->name));
    const auto rank = static_cast<int64_t>(input->sizes->size());
    values_[input->name] = {input->name, tensor, {}, "", {}, rank, integral, -1, 1};
  }
  OnnxValue& value = values_[inputs[0]->name];
  input_ = value.tensor;
  if (batch_ > 0) value.batch_axis = 0;
  if (!has_channels_behind(sizes_)) return;
  std::rotate(sizes_.begin() + 1, sizes_.end() - 1, sizes_.end());
  std::vector<int64_t> order{0};
  for (size_t i = 2; i < sizes_.size(); ++i) order.push_back(static_cast<int64_t>(i));
  order.push_back(1);
  value.tensor = graph_->insert(c10::aten::permute, {input_, order});
}

// The value before a softmax or sigmoid that ends the model.
std::string OnnxBuilder::before_probabilities(const std::string& name) {
  const auto& nodes = model_.graph.nodes;
  const auto makes = [&](const OnnxNode& node) { return node.outputs == std::vector{name}; };
  const auto last = std::find_if(nodes.begin(), nodes.end(), makes);
  if (last == nodes.end() || last->inputs.size() != 1) return name;
  if (last->op == "Identity") return before_probabilities(last->inputs[0]);
  if (last->op != "Softmax" && last->op != "Sigmoid") return name;
  const OnnxValue& scores = value(last->inputs[0]);
  if (scores.rank != 2 || scores.tensor == nullptr) return name;
  multi_label_ = last->op == "Sigmoid";
  remarks_.push_back("the model ends in a " + std::string(multi_label_ ? "sigmoid" : "softmax") +
                     ": scores and gradients are those before it, and probabilities those behind it");
  return last->inputs[0];
}

// One tensor; a dictionary where a name says which are the scores; else a tuple.
Value* OnnxBuilder::output() {
  const auto& outputs = model_.graph.outputs;
  if (outputs.empty()) throw Error(Fault::input, "is damaged: it returns nothing");
  std::vector<Value*> names, tensors;
  bool has_scores = false;
  for (const OnnxValueInfo& output : outputs) {
    const std::string name = outputs.size() == 1 ? before_probabilities(output.name) : output.name;
    tensors.push_back(tensor({"", "", "", {name}, {}, {}, {}}, 0));
    names.push_back(constant(output.name));
    has_scores = has_scores || output.name == "logits" || output.name == "out";
  }
  if (tensors.size() == 1) return tensors[0];
  if (!has_scores) return graph_->insertNode(graph_->createTuple(tensors))->output();
  return graph_->insertNode(graph_->createDict(c10::StringType::get(), c10::TensorType::get(), names, tensors))
      ->output();
}

void OnnxBuilder::refuse(const OnnxNode& node, const std::string& reason) const {
  throw Error(Fault::input, "has the operator " + node.op.substr(0, 60) +
                                (node.name.empty() ? "" : " ('" + node.name.substr(0, 100) + "')") +
                                (scope_.empty() ? "" : " in layer '" + scope_ + "'") +
                                ", which cannot be read here: " + reason);
}

void OnnxBuilder::add_node(const OnnxNode& node, size_t index) {
  const auto scope = layers_.scopes.find(index);
  scope_ = scope == layers_.scopes.end() ? "" : scope->second;
  Node* const before = *std::prev(graph_->nodes().end());
  if (!add_known(node) && !add_arithmetic(node) && !add_twin(node)) add_call(node);
  for (Node* made = before->next(); made != graph_->return_node(); made = made->next()) set_scope(made, scope_);
}

// What needs no operator. Whether it was that.
bool OnnxBuilder::add_known(const OnnxNode& node) {
  static const std::set<std::string> microsoft{"Gelu", "FastGelu", "QuickGelu", "Attention"};
  if (node.outputs.empty() || node.outputs[0].empty()) refuse(node, "it has no output");
  const bool is_known_domain = node.domain.empty() || (node.domain == "com.microsoft" && microsoft.count(node.op) != 0);
  const std::string reason = node.op == "If" && is_known_domain ? "" : why_refused(node);
  if (!reason.empty() && !(is_known_domain && reason.find("domain") != std::string::npos)) refuse(node, "it " + reason);
  if (node.op == "Constant") return add_constant(node), true;
  if (node.op == "If") return add_branch(node), true;
  if (node.op == "Identity" || node.op == "Dropout") {
    const OnnxValue* input = input_of(node, 0);
    if (input == nullptr) refuse(node, "it has no input");
    if (input->tensor != nullptr && !input->elements) return take(node, {input->tensor}), true;
    const OnnxValue same = *input;
    OnnxValue& named = values_[node.outputs[0]] = same;
    if (!named.initializer.empty()) named.name = node.outputs[0];
    return true;
  }
  if (node.op == "Shape" || node.op == "Size") {
    const OnnxValue* input = input_of(node, 0);
    if (input == nullptr || input->rank < 0) refuse(node, "the number of axes of its input is not known");
    std::vector<Value*> sizes;
    for (int64_t i = 0; i < input->rank; ++i) {
      const int64_t known = input->elements             ? static_cast<int64_t>(input->elements->size())
                            : input->constant.defined() ? input->constant.size(i)
                                                        : -1;
      sizes.push_back(known >= 0 ? constant(known) : graph_->insert(c10::aten::size, {tensor(node, 0), constant(i)}));
    }
    if (node.op == "Size") {
      Value* all = constant(int64_t{1});
      for (Value* size : sizes) all = number(c10::aten::mul, {all, size});
      return take_elements(node, {all}, 0), true;
    }
    const auto limit = [&](const char* name, int64_t otherwise) {
      const auto given = node.attributes.find(name);
      const int64_t at = given == node.attributes.end() ? otherwise : given->second.i;
      return std::clamp<int64_t>(at < 0 ? at + input->rank : at, 0, input->rank);
    };
    const int64_t begin = limit("start", 0), end = std::max(begin, limit("end", input->rank));
    return take_elements(node, {sizes.begin() + begin, sizes.begin() + end}, 1), true;
  }
  // Precision is the model's; whoever made it of integers has numbers of the input's type.
  if (node.op != "Cast" || is_integral(node, 0, {}) || node.inputs.size() != 1) return false;
  const OnnxValue* input = input_of(node, 0);
  if (input == nullptr || input->elements) return false;
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

void OnnxBuilder::add_constant(const OnnxNode& node) {
  OnnxValue& value = values_[node.outputs[0]];
  value = {};
  value.name = node.outputs[0];
  for (const auto& [name, given] : node.attributes) {
    if (name == "value" && given.t != nullptr) value.constant = tensor_of(*given.t, model_.bytes, path_.parent_path());
    if (name == "value_float") value.constant = at::scalar_tensor(given.f, at::kFloat);
    if (name == "value_int") value.constant = at::scalar_tensor(given.i, at::kLong);
    if (name == "value_floats") value.constant = at::tensor(given.floats, at::kDouble).to(at::kFloat);
    if (name == "value_ints") value.constant = at::tensor(given.ints, at::kLong);
  }
  if (!value.constant.defined()) refuse(node, "it holds no numbers");
  value.rank = value.constant.dim();
  value.integral = !value.constant.is_floating_point();
}

// The branch that a constant chooses.
void OnnxBuilder::add_branch(const OnnxNode& node) {
  const OnnxValue* condition = input_of(node, 0);
  const auto numbers = condition == nullptr ? std::nullopt : elements(*condition);
  const auto chosen = numbers && numbers->size() == 1 ? torch::jit::toIValue(numbers->at(0)) : c10::nullopt;
  if (!chosen || !chosen->isBool()) refuse(node, "it " + why_refused(node));
  const auto branch = node.attributes.find(chosen->toBool() ? "then_branch" : "else_branch");
  if (branch == node.attributes.end() || branch->second.g == nullptr) refuse(node, "it lacks a branch");
  const OnnxGraph& inner = *branch->second.g;
  for (const OnnxTensor& tensor : inner.initializers) {
    const at::Tensor constant = tensor_of(tensor, model_.bytes, path_.parent_path());
    values_[tensor.name] = {tensor.name, nullptr, constant, "", {}, constant.dim(), !constant.is_floating_point(),
                            -1,          1};
  }
  for (const OnnxNode& step : inner.nodes) add_node(step, model_.graph.nodes.size());
  for (size_t i = 0; i < std::min(node.outputs.size(), inner.outputs.size()); ++i) {
    values_[node.outputs[i]] = value(inner.outputs[i].name);
  }
}

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
  check_activations(node);
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
  if (type->kind() == c10::TypeKind::TupleType) {
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
    if (name == "activations" || name == "activation_alpha" || name == "activation_beta") continue;
    if (std::none_of(declared.begin(), declared.end(), is_it))
      refuse(call.node, "its attribute '" + name + "' is not known");
  }
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
  const auto takes_all = call.function.getSchema().arguments()[0].type()->cast<c10::ListType>();
  const bool is_variadic = takes_all && takes_all->getElementType()->kind() == c10::TypeKind::TensorType;
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
  if (name == "outputs") {
    const auto& names = call.node.outputs;
    const auto used =
        std::find_if(names.rbegin(), names.rend(), [](const std::string& output) { return !output.empty(); });
    return {static_cast<int64_t>(names.rend() - used), {}, nullptr};
  }
  if (name == "rank") {
    if (ranks.empty() || ranks[0] < 0) refuse(call.node, "the number of axes of its input is not known");
    return {ranks[0], {}, nullptr};
  }
  if (name == "like" && !call.is_constant) return {{}, {input_}, nullptr};
  const OnnxValue* second = name == "second" ? input_of(call.node, 1) : nullptr;
  if (second != nullptr && second->constant.defined()) return {second->constant.sizes().vec(), {}, nullptr};
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
  if (list == nullptr) return node.op.compare(0, 6, "Reduce") == 0 ? 0 : -1;
  if (list->elements) return static_cast<int64_t>(list->elements->size());
  return list->constant.defined() && list->constant.dim() < 2 ? list->constant.numel() : -1;
}

void OnnxBuilder::take(const OnnxNode& node, const std::vector<Value*>& results) {
  std::vector<bool> integral;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (const OnnxValue* input = input_of(node, i)) integral.push_back(input->integral);
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
      made.rank = rank_of_result(node, i, ranks, length_of(node));
      made.integral = is_integral(node, i, integral);
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
void OnnxBuilder::take_elements(const OnnxNode& node, std::vector<Value*> elements, int64_t rank) {
  OnnxValue made;
  made.name = node.outputs[0];
  made.rank = rank;
  made.integral = elements.empty() || elements[0]->type()->kind() != c10::TypeKind::FloatType;
  std::vector<int64_t> whole;
  std::vector<double> numbers;
  for (const Value* element : elements) {
    const auto known = torch::jit::toIValue(element);
    if (known && known->isInt()) whole.push_back(known->toInt());
    if (known && known->isDouble()) numbers.push_back(known->toDouble());
  }
  const bool is_known = std::max(whole.size(), numbers.size()) == elements.size() && (rank > 0 || elements.size() == 1);
  if (is_known) {
    made.constant = made.integral ? at::tensor(whole, at::kLong) : at::tensor(numbers, at::kFloat);
    if (rank == 0) made.constant = made.constant.squeeze(0);
  } else {
    made.elements = std::move(elements);
  }
  values_[made.name] = made;
}

bool is_onnx(const std::filesystem::path& path) {
  try {
    return !read_onnx_model(path).opsets.empty();
  } catch (const std::exception&) {
    return path.extension() == ".onnx";
  }
}

ModelSource read_onnx(const std::filesystem::path& path, c10::Device device) {
  try {
    return OnnxBuilder(read_onnx_model(path), path, device).build();
  } catch (const Error& error) {
    throw Error(error.fault(), "model '" + path.string() + "' " + error.what());
  } catch (const std::exception& error) {
    throw Error(Fault::input, "model '" + path.string() + "' is damaged: " + reason_of(error));
  }
}

}  // namespace attune
