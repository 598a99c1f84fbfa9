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
    const auto [place, is_new] = values_.try_emplace(tensor.name);
    if (!is_new) throw Error(Fault::input, "is damaged: it has the parameter '" + tensor.name + "' twice");
    OnnxValue& value = place->second;
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
  if (limit_.was_reached()) refuse(node, "what its constants become takes more than a gigabyte");
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
  return read_file(path, [&] { return OnnxBuilder(read_onnx_model(path), path, device).build(); });
}

}  // namespace attune
