#include "formats/exported/exported.h"

#include <algorithm>
#include <optional>
#include <torch/csrc/jit/frontend/schema_matching.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <attune/exported.h>
#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;
using torch::jit::NamedValue;

// Of integers and numbers that the program computes.
const std::map<std::string, const char*> scalar_operators{{"_operator.add", "aten::add"},
                                                          {"_operator.sub", "aten::sub"},
                                                          {"_operator.mul", "aten::mul"},
                                                          {"_operator.truediv", "aten::div"},
                                                          {"_operator.neg", "aten::neg"},
                                                          {"_operator.floordiv", "aten::floordiv"},
                                                          {"_operator.mod", "aten::remainder"},
                                                          {"_operator.pow", "aten::pow"},
                                                          {"_operator.eq", "aten::eq"},
                                                          {"_operator.ne", "aten::ne"},
                                                          {"_operator.lt", "aten::lt"},
                                                          {"_operator.le", "aten::le"},
                                                          {"_operator.gt", "aten::gt"},
                                                          {"_operator.ge", "aten::ge"},
                                                          {"_operator.and_", "aten::__and__"},
                                                          {"_operator.or_", "aten::__or__"},
                                                          {"math.ceil", "aten::ceil"},
                                                          {"math.floor", "aten::floor"},
                                                          {"math.trunc", "aten::Int"},
                                                          {"torch.sym_max", "prim::max"},
                                                          {"torch.sym_min", "prim::min"},
                                                          {"torch.sym_int", "aten::Int"},
                                                          {"torch.sym_float", "aten::Float"},
                                                          {"torch.sym_not", "aten::__not__"},
                                                          {"_operator.getitem", "aten::__getitem__"}};

// What checks sizes and types; the model's own checks of its input say the same.
bool is_check(const std::string& name) {
  return name.compare(0, 7, "_assert") == 0 || name.compare(0, 13, "sym_constrain") == 0;
}

class ProgramBuilder {
 public:
  explicit ProgramBuilder(ExportedArchive& archive)
      : archive_(archive),
        program_(flat(archive.program.at("graph_module"))),
        layers_(exported_layers(program_.at("graph"))),
        tree_(layers_.types, archive.shared),
        graph_(std::make_shared<Graph>()),
        values_(*graph_, graph_->addInput("self"), device(archive)) {}

  ModelSource build() {
    add_inputs();
    const json& nodes = program_.at("graph").at("nodes");
    for (size_t i = 0; i < nodes.size(); ++i) add_node(nodes[i], i);
    graph_->registerOutput(output());
    if (uses_autocast_) resolve_contexts(graph_);
    number_repeated_calls(graph_);
    ModelSource source{"exported", graph_, tree_.at("")};
    source.save = as_torchscript(graph_);
    for (const auto& [name, tensor] : archive_.constants) source.no_state.insert(name);
    if (archive_.write) source.own = OwnFile{".pt2", archive_.write};
    if (!in_training_.empty()) source.remarks.push_back(training_remark());
    source.input = example_sizes();
    batch_->check(source);
    return source;
  }

 private:
  static const json& flat(json& program) {
    inline_subgraphs(program);
    return program;
  }

  // Of the picture that it was exported with, [C,S1..Sd].
  std::vector<int64_t> example_sizes() const {
    std::vector<int64_t> sizes;
    const json& declared = program_.at("graph").at("tensor_values").at(input_->debugName()).at("sizes");
    for (size_t axis = 1; axis < declared.size(); ++axis) {
      const json::json_pointer known("/as_int"), hint("/as_expr/hint/as_int");
      const json& size = declared[axis];
      if (!size.contains(known) && !size.contains(hint)) return {};
      sizes.push_back(whole(size.at(size.contains(known) ? known : hint)));
      if (sizes.back() < 1) return {};
    }
    return sizes;
  }

  static c10::Device device(const ExportedArchive& archive) {
    for (const NamedTensors* tensors : {&archive.state, &archive.constants}) {
      if (!tensors->empty()) return tensors->begin()->second.device();
    }
    return c10::kCPU;
  }

  void add_inputs() {
    std::string input;
    for (const json& spec : program_.at("signature").at("input_specs")) {
      const auto [kind, entry] = union_of(spec);
      if (kind == "parameter") add_tensor(entry, entry.at("parameter_name"), true);
      if (kind == "buffer") add_tensor(entry, entry.at("buffer_name"), false);
      if (kind == "tensor_constant") add_tensor(entry, entry.at("tensor_constant_name"), false);
      if (kind == "custom_obj") throw Error(Fault::input, "uses an object of its own, which cannot be read here");
      if (kind == "user_input" && !entry.at("arg").contains("as_none")) {
        const std::string name = add_user_input(entry.at("arg"));
        if (input.empty()) input = name;
      }
    }
    // What only has another name for a tensor that is used.
    for (const auto& [path, tensor] : archive_.state) {
      const auto [parent, name] = ModuleTree::split(path);
      if (!tree_.at(parent).hasattr(name)) tree_.add(path, tensor, tensor.is_floating_point());
    }
    graph_->inputs()[0]->setType(tree_.at("").type());
    if (input.empty()) throw Error(Fault::input, "takes no tensor as input");
    batch_.emplace(program_.at("graph"), input);
  }

  std::string add_user_input(const json& argument) {
    if (!argument.contains("as_tensor")) {
      throw Error(Fault::input, "takes what is no tensor; export a wrapper whose forward takes tensors alone");
    }
    const auto name = argument["as_tensor"].at("name").get<std::string>();
    Value* input = graph_->addInput(name)->setType(c10::TensorType::get());
    if (input_ == nullptr) input_ = input;
    values_.set(name, input);
    return name;
  }

  void add_tensor(const json& spec, const std::string& path, bool parameter) {
    const auto find = [&](const NamedTensors& tensors) {
      const auto found = tensors.find(path);
      return found == tensors.end() ? at::Tensor() : found->second;
    };
    const at::Tensor kept = find(archive_.state), tensor = kept.defined() ? kept : find(archive_.constants);
    if (!tensor.defined()) throw Error(Fault::input, "is damaged: it lacks the tensor '" + path + "'");
    tree_.add(path, tensor, parameter);
    values_.set_attribute(spec.at("arg").at("name"), path);
  }

  void add_node(const json& node, size_t index) {
    const auto target = node.at("target").get<std::string>();
    const std::string aten = "torch.ops.aten.";
    const auto scope = layers_.scopes.find(index);
    const auto root = c10::make_intrusive<torch::jit::Scope>();
    torch::jit::WithCurrentScope within(
        *graph_, scope == layers_.scopes.end() ? root : root->push(c10::Symbol::scope(scope->second)));
    const auto scalar = scalar_operators.find(target);
    if (scalar != scalar_operators.end()) {
      std::vector<NamedValue> arguments;
      for (const json& input : node.at("inputs")) arguments.emplace_back(values_.read(input.at("arg")));
      if (target == "_operator.mod" && arguments.size() == 2) return take(node, {remainder(arguments)});
      return take(node, {graph_->insert(c10::Symbol::fromQualString(scalar->second), arguments)});
    }
    if (add_context(target, node.at("inputs"))) return;
    const std::string higher_order = "torch.ops.higher_order.";
    if (target.compare(0, higher_order.size(), higher_order) == 0) {
      throw Error(Fault::input, "runs a graph within its graph by '" + target.substr(higher_order.size()) + "'" +
                                    where(index) + ", where what is computed may depend on the input; of such " +
                                    "operators torch.no_grad and torch.autocast alone can be read");
    }
    if (target.compare(0, aten.size(), aten) != 0) {
      throw Error(Fault::input, "uses the operator " + target + where(index) + ", which is not known here");
    }
    const std::string rest = target.substr(aten.size());
    add_operator(node, index, rest.substr(0, rest.find('.')), rest.substr(rest.find('.') + 1));
  }

  // LibTorch's own of integers by 0 stops the program.
  Value* remainder(const std::vector<NamedValue>& numbers) {
    Value* quotient = graph_->insert(c10::Symbol::fromQualString("aten::floordiv"), numbers);
    Value* multiple = graph_->insert(c10::aten::mul, {numbers[1], quotient});
    return graph_->insert(c10::aten::sub, {numbers[0], multiple});
  }

  // Where gradients or autocast are switched.
  bool add_context(const std::string& target, const json& inputs) {
    if (target == set_gradients_target) {
      graph_->insertNode(graph_->create(c10::Symbol::fromQualString("aten::set_grad_enabled"),
                                        {values_.read(inputs.at(0).at("arg"))}, 0));
    } else if (target == enter_autocast_target) {
      enter_autocast(inputs);
    } else if (target == exit_autocast_target) {
      if (autocasts_.empty()) throw Error(Fault::input, "is damaged: it leaves torch.autocast, which it is not in");
      graph_->insertNode(graph_->create(c10::prim::Exit, {autocasts_.back()}, 1));
      autocasts_.pop_back();
    } else {
      return false;
    }
    return true;
  }

  // As a scripted `with torch.autocast(...)` begins.
  void enter_autocast(const json& inputs) {
    uses_autocast_ = true;
    const auto unit = std::make_shared<torch::jit::CompilationUnit>();
    const auto type =
        c10::ClassType::create(c10::QualifiedName("__torch__.torch.cpu.amp.autocast_mode.autocast"), unit);
    Value* const object = graph_->insertNode(graph_->createObject(type))->output();
    const bool is_cpu = inputs.at(0).at("arg").value("as_string", "cpu") == "cpu";
    const char* const attributes[] = {"device", "fast_dtype", "_enabled"};
    for (size_t i = 0; i < 3; ++i) {
      Value* value = values_.read(inputs.at(i).at("arg"));
      if (value->type()->kind() == c10::TypeKind::NoneType)
        value = values_.constant(static_cast<int64_t>(is_cpu ? c10::kBFloat16 : c10::kHalf));
      graph_->insertNode(graph_->createSetAttr(object, attributes[i], value));
    }
    graph_->insertNode(graph_->create(c10::prim::Enter, {object}, 1));
    autocasts_.push_back(object);
  }

  std::string training_remark() const {
    std::string names;
    for (const std::string& name : in_training_) names += (names.empty() ? "" : " and ") + name;
    return "the model was exported in training mode; its " + names +
           " are taken in evaluation mode: export it after model.eval()";
  }

  // Batch norm without running statistics always takes the batch's.
  static bool trains(const json& node, const std::string& argument, const json& given) {
    const auto has_mean = [](const json& input) {
      return input.at("name") == "running_mean" && !input.at("arg").contains("as_none");
    };
    const json& inputs = node.at("inputs");
    const bool trains =
        argument == "train" || (argument == "training" && std::any_of(inputs.begin(), inputs.end(), has_mean));
    return trains && given.value("as_bool", false);
  }

  std::string where(size_t index) const {
    const auto scope = layers_.scopes.find(index);
    return scope == layers_.scopes.end() ? "" : " in layer '" + scope->second + "'";
  }

  void add_operator(const json& node, size_t index, std::string name, std::string overload) {
    if (is_check(name) || changes_state(node, name)) return;
    std::vector<NamedValue> arguments;
    for (const json& input : node.at("inputs")) {
      const auto argument = input.at("name").get<std::string>();
      arguments.emplace_back(argument, read_argument(node, name, argument, input.at("arg")));
    }
    if (overload == "default") overload.clear();
    exchange(name, arguments);
    try {
      if (torch::jit::GraphFunction* function = core_operator(name)) return take(node, call(*function, arguments));
      if (name == "sym_size") return take(node, {graph_->insert(c10::aten::size, {}, arguments)});
      if (name == "sym_numel")
        return take(node, {graph_->insert(c10::Symbol::fromQualString("aten::numel"), {}, arguments)});
      const auto symbol = c10::Symbol::fromQualString("aten::" + name);
      const auto& candidates = torch::jit::getAllOperatorsFor(symbol);
      for (const auto& candidate : candidates) {
        if (candidate->schema().overload_name() != overload || takes_number_as_tensor(candidate->schema(), arguments))
          continue;
        return take(node, call(candidate->schema(), arguments));
      }
      if (name == "squeeze" && overload == "dims") return take(node, {squeeze(node)});
      if (!candidates.empty()) return take(node, {graph_->insert(symbol, {}, arguments)});
    } catch (const Error&) {
      throw;
    } catch (const std::exception&) {
      throw Error(Fault::input, "calls the operator aten::" + name + where(index) + " with arguments that LibTorch " +
                                    torch_version() + " does not take");
    }
    throw Error(Fault::input, "uses the operator aten::" + name + where(index) + ", which LibTorch " + torch_version() +
                                  " does not have; use an attune that runs with a newer one");
  }

  // 2 - x is written as a difference of tensors; LibTorch takes numbers as the second input only.
  void exchange(std::string& name, std::vector<NamedValue>& arguments) const {
    static const std::map<std::string, std::string> twins{{"add", "add"}, {"mul", "mul"}, {"sub", "rsub"}};
    const auto twin = twins.find(name);
    if (twin == twins.end() || arguments.size() < 2) return;
    Value *first = arguments[0].value(*graph_), *second = arguments[1].value(*graph_);
    const auto is_tensor = [](const Value* value) { return value->type()->isSubtypeOf(*c10::TensorType::get()); };
    if (is_tensor(first) || !is_tensor(second)) return;
    name = twin->second;
    arguments[0] = NamedValue(arguments[0].name(), second);
    arguments[1] = NamedValue(arguments[1].name(), first);
  }

  // x * 2 is written as a product of tensors; for numbers there is another overload.
  bool takes_number_as_tensor(const c10::FunctionSchema& schema, const std::vector<NamedValue>& arguments) const {
    return std::any_of(arguments.begin(), arguments.end(), [&](const NamedValue& argument) {
      const auto index = schema.argumentIndexWithName(argument.name());
      return index && schema.arguments()[*index].type()->isSubtypeOf(*c10::TensorType::get()) &&
             argument.value(*graph_)->type()->isSubtypeOf(*c10::NumberType::get());
    });
  }

  // Of several axes; LibTorch before 2.0 takes one at a time.
  Value* squeeze(const json& node) {
    Value* value = values_.read(node.at("inputs").at(0).at("arg"));
    auto axes = wholes(node.at("inputs").at(1).at("arg").at("as_ints"));
    std::sort(axes.begin(), axes.end(), std::greater<>());
    for (const int64_t axis : axes) value = graph_->insert(c10::aten::squeeze, {value, axis});
    return value;
  }

  // The first result alone: statistics and indices are not made, and whoever uses them is refused.
  std::vector<Value*> call(torch::jit::GraphFunction& function, const std::vector<NamedValue>& arguments) {
    const auto matched = torch::jit::matchSchema(function.getSchema(), {}, *graph_, {}, arguments);
    const std::vector<Value*> outputs = torch::jit::insertGraph(*graph_, *function.graph(), matched.inputs);
    const auto tuple = outputs[0]->type()->cast<c10::TupleType>();
    if (!tuple) return outputs;
    return {graph_->insertNode(graph_->createTupleUnpack(outputs[0]))->output(0)};
  }

  std::vector<Value*> call(const c10::FunctionSchema& schema, const std::vector<NamedValue>& arguments) {
    const auto matched = torch::jit::matchSchema(schema, {}, *graph_, {}, arguments);
    Node* node = graph_->insertNode(
        graph_->create(c10::Symbol::fromQualString(schema.name()), matched.inputs, matched.return_types.size()));
    for (size_t i = 0; i < node->outputs().size(); ++i) node->output(i)->setType(matched.return_types[i]);
    return {node->outputs().begin(), node->outputs().end()};
  }

  // Counters and running statistics of a program that was exported for training.
  bool changes_state(const json& node, const std::string& name) const {
    if (name.empty() || name.back() != '_' || node.at("inputs").empty()) return false;
    const std::vector<std::string> changed = tensors_of(json::array({node["inputs"][0].at("arg")}));
    return changed.size() == 1 && values_.is_attribute(changed[0]);
  }

  // Gives the values of a node their names, and marks those that layers return.
  void take(const json& node, const std::vector<Value*>& made) {
    const json& outputs = node.at("outputs");
    batch_->pass_on(node);
    for (size_t i = 0; i < std::min(outputs.size(), made.size()); ++i) {
      const json& output = outputs[i];
      if (output.contains("as_tensors")) {
        const auto names = tensors_of(json::array({output}));
        Node* unpack = graph_->insertNode(graph_->createListUnpack(made[i], names.size()));
        for (size_t j = 0; j < names.size(); ++j) name(names[j], unpack->output(j));
      } else if (output.contains("as_tensor")) {
        name(output["as_tensor"].at("name"), made[i]);
      } else if (!output.contains("as_none")) {
        values_.set(union_of(output).second.at("as_name"), made[i]);
      }
    }
  }

  void name(const std::string& name, Value* value) {
    const auto layers = layers_.ends.find(name);
    if (layers != layers_.ends.end()) {
      for (const std::string& layer : layers->second) value = mark_layer(*graph_, value, layer);
    }
    values_.set(name, value);
  }

  // Evaluation mode; and sizes of a program for one batch size alone are freed of it.
  Value* read_argument(const json& node, const std::string& operation, const std::string& argument, const json& given) {
    if (trains(node, argument, given)) {
      in_training_.insert(operation);
      return values_.constant(false);
    }
    if (argument == "indices" && given.contains("as_tensors")) {  // of which any may be left out
      json indices = json::array();
      for (const json& index : given["as_tensors"]) indices.push_back({{"as_tensor", index}});
      return values_.read({{"as_optional_tensors", indices}});
    }
    const auto sizes = batch_->freed(node, operation, argument, given);
    if (!sizes) return values_.read(given);
    if (operation.find("view") != std::string::npos || operation == "reshape") return values_.constant(*sizes);
    std::vector<Value*> values{graph_->insert(c10::aten::size, {input_, values_.constant(0)})};
    for (size_t i = 1; i < sizes->size(); ++i) values.push_back(values_.constant((*sizes)[i]));
    return graph_->insertNode(graph_->createList(c10::IntType::get(), values))->output();
  }

  // One tensor, a tuple, or the dictionary that the model returned.
  Value* output() {
    std::vector<Value*> outputs;
    for (const json& spec : program_.at("signature").at("output_specs")) {
      if (spec.contains("user_output")) outputs.push_back(values_.read(spec["user_output"].at("arg")));
    }
    if (outputs.empty()) throw Error(Fault::input, "returns nothing");
    const std::vector<std::string> keys = output_keys();
    if (keys.size() != outputs.size()) {
      return outputs.size() == 1 ? outputs[0] : graph_->insertNode(graph_->createTuple(outputs))->output();
    }
    std::vector<Value*> names;
    for (const std::string& key : keys) names.push_back(values_.constant(key));
    return graph_->insertNode(graph_->createDict(c10::StringType::get(), c10::TensorType::get(), names, outputs))
        ->output();
  }

  std::vector<std::string> output_keys() const {
    const json none = json::array();
    for (const json& call : program_.value("module_call_graph", none)) {
      if (call.value("fqn", "?") != "" || !call.contains("signature") || call["signature"].is_null()) continue;
      const json spec = json::parse(call["signature"].value("out_spec", "null"), nullptr, false);
      if (!spec.is_array() || spec.size() < 2 || !spec[1].is_object()) continue;
      const json written = spec[1].value("context", json("null"));
      const json context = json::parse(written.is_string() ? written.get<std::string>() : "null", nullptr, false);
      const bool has_keys =
          context.is_array() && !context.empty() &&
          std::all_of(context.begin(), context.end(), [](const json& key) { return key.is_string(); });
      if (has_keys) return context.get<std::vector<std::string>>();
    }
    return {};
  }

  const ExportedArchive& archive_;
  const json& program_;
  const GraphLayers layers_;
  ModuleTree tree_;
  std::shared_ptr<Graph> graph_;
  Value* input_ = nullptr;
  ProgramValues values_;
  std::optional<FixedBatch> batch_;
  std::vector<Value*> autocasts_;  // that are open
  bool uses_autocast_ = false;
  std::set<std::string> in_training_;  // operators
};

}  // namespace

ModelSource exported_source(ExportedArchive archive) { return ProgramBuilder(archive).build(); }

ModelSource read_exported(const std::filesystem::path& path, c10::Device device) {
  return read_file(path, [&] { return exported_source(read_archive(path, device)); });
}

std::shared_ptr<ImageModel> exported_model(const std::string& program, const NamedTensorList& tensors,
                                           const ModelOptions& options) {
  return with_reason(Fault::input, "the program of torch.export is damaged", [&] {
    ExportedArchive archive{program_json(program, "program"), {tensors.begin(), tensors.end()}, {}, {}, true};
    return image_model(explained_alone(exported_source(std::move(archive)), options.extra), options);
  });
}

}  // namespace attune
