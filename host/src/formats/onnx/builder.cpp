#include "formats/onnx/builder.h"

#include <ATen/Functions.h>
#include <algorithm>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <attune/sdk/error.h>

#include "formats/onnx/onnx.h"
#include "formats/onnx/operators.h"

namespace attune {
namespace {

using torch::jit::NamedValue;

constexpr int64_t oldest_opset = 7, newest_opset = 26;

bool has_channels_behind(const std::vector<int64_t>& sizes) {
  const auto is_colour = [](int64_t size) { return size == 1 || size == 3 || size == 4; };
  return sizes.size() > 3 && is_colour(sizes.back()) && !is_colour(sizes[1]);
}

int64_t opset_of(const OnnxModel& model) {
  const auto own = model.opsets.find("");
  if (own == model.opsets.end()) throw Error(Fault::input, "is damaged: it does not say which opset it is of");
  if (own->second >= oldest_opset && own->second <= newest_opset) return own->second;
  throw Error(Fault::input, "is of ONNX's opset " + std::to_string(own->second) + ", expected " +
                                std::to_string(oldest_opset) + " to " + std::to_string(newest_opset));
}

}  // namespace

OnnxBuilder::OnnxBuilder(OnnxModel model, std::filesystem::path path, c10::Device device, std::string output)
    : model_((cut_behind(model.graph, output), find_weights(model.graph), join_linear(model.graph), std::move(model))),
      path_(std::move(path)),
      device_(device),
      asked_(std::move(output)),
      opset_(opset_of(model_)),
      layers_(onnx_layers(model_.graph)),
      tree_(layers_.types),
      graph_(std::make_shared<Graph>()) {
  for (const OnnxNode& node : model_.graph.nodes) add_inputs(node, used_);
  for (const OnnxValueInfo& output : model_.graph.outputs) used_.insert(output.name);
  used_.erase("");
}

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
  ModelSource source{"onnx", graph_, tree_.at("")};
  source.save = [graph = graph_](const torch::jit::Module& parameters) { return as_torchscript(parameters, graph); };
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
    const bool is_known = values_.count(tensor.name) != 0;
    if (is_known) throw Error(Fault::input, "is damaged: it has the parameter '" + tensor.name + "' twice");
    keep(tensor.name, tensor_of(tensor, model_.bytes, path_.parent_path()), tensor.name);
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
    OnnxValue& value = values_[input->name];
    value.name = input->name;
    value.tensor = tensor;
    value.rank = static_cast<int64_t>(input->sizes->size());
    value.integral = !c10::isFloatingType(onnx_scalar_type(input->type, input->name));
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
  std::string end = name;
  const auto makes_end = [&](const OnnxNode& node) {
    if (node.outputs != std::vector{end}) return false;
    if (node.op != "Identity" || node.inputs.size() != 1) return true;
    end = node.inputs[0];
    return false;
  };
  const auto last = std::find_if(nodes.rbegin(), nodes.rend(), makes_end);
  if (last == nodes.rend() || last->inputs.size() != 1) return end;
  if (last->op != "Softmax" && last->op != "Sigmoid") return end;
  const OnnxValue& scores = value(last->inputs[0]);
  if (scores.rank != 2 || scores.tensor == nullptr) return end;
  multi_label_ = last->op == "Sigmoid";
  remarks_.push_back("the model ends in a " + std::string(multi_label_ ? "sigmoid" : "softmax") +
                     ", which is left out: scores and gradients are those before it, probabilities those behind it");
  return last->inputs[0];
}

// One tensor; a dictionary where a name says which are the scores or which is asked for; else a tuple.
Value* OnnxBuilder::output() {
  const auto& outputs = model_.graph.outputs;
  if (outputs.empty()) throw Error(Fault::input, "is damaged: it returns nothing");
  std::vector<Value*> names, tensors;
  bool has_names = false;
  for (const OnnxValueInfo& output : outputs) {
    const bool is_asked = output.name == asked_;
    const std::string name = outputs.size() == 1 && !is_asked ? before_probabilities(output.name) : output.name;
    tensors.push_back(tensor({"", "", "", {name}, {}, {}, {}}, 0));
    names.push_back(constant(output.name));
    has_names = has_names || is_asked || output.name == "logits" || output.name == "out";
  }
  if (tensors.size() == 1 && outputs[0].name != asked_) return tensors[0];
  if (!has_names) return graph_->insertNode(graph_->createTuple(tensors))->output();
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
  if (limit_.was_reached()) refuse(node, "what its constants become takes more than a gigabyte");
  for (Node* made = before->next(); made != graph_->return_node(); made = made->next()) set_scope(made, scope_);
}

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
      made.rank = std::max<int64_t>(-1, rank_of_result(node, i, ranks, length_of(node)));
      if (made.rank > static_cast<int64_t>(most_sizes)) refuse(node, "its result has too many axes");
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

std::optional<ModelSource> read_onnx(const std::filesystem::path& path, c10::Device device, const std::string& output) {
  bool is_onnx = path.extension() == ".onnx";
  try {
    OnnxModel model = read_onnx_model(path);
    is_onnx = is_onnx || !model.opsets.empty();
    if (!is_onnx) return std::nullopt;
    return OnnxBuilder(std::move(model), path, device, output).build();
  } catch (const Error& error) {
    if (!is_onnx) return std::nullopt;
    throw Error(error.fault(), "model '" + path.string() + "' " + printable(error.what()));
  } catch (const std::exception& error) {
    if (!is_onnx) return std::nullopt;
    throw Error(Fault::input, "model '" + path.string() + "' is damaged: " + reason_of(error));
  }
}

}  // namespace attune
