// Models of several inputs: one is explained, the others are given once.

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <algorithm>
#include <optional>
#include <torch/csrc/jit/ir/constants.h>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "model/graph/graph.h"

namespace attune {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// As many rows as x has, of its device and, if floating, of its type.
at::Tensor beside(const at::Tensor& extra, const at::Tensor& x) {
  std::vector<int64_t> sizes(static_cast<size_t>(extra.dim()), -1);
  sizes[0] = x.size(0);
  return extra.to(x.device(), extra.is_floating_point() ? x.scalar_type() : extra.scalar_type()).expand(sizes);
}

// The same in a graph.
Value* beside(Graph& graph, const at::Tensor& extra, Value* x) {
  Value* tensor = graph.insertConstant(extra);
  if (extra.is_floating_point()) tensor = graph.insert(c10::aten::type_as, {tensor, x});
  std::vector<Value*> sizes{graph.insert(c10::aten::size, {x, 0})};
  for (int64_t axis = 1; axis < extra.dim(); ++axis) sizes.push_back(graph.insertConstant(-1));
  Value* list = graph.insertNode(graph.createList(c10::IntType::get(), sizes))->output();
  return graph.insert(c10::aten::expand, {tensor, list});
}

// An argument of forward, and the tensors in it.
struct Argument {
  c10::TypePtr type;
  std::vector<c10::IValue> keys;     // of a dictionary; indices of a list or tuple
  std::vector<std::string> tensors;  // names: the argument's own where it is a tensor

  bool is_tensor() const { return type->isSubtypeOf(*c10::OptionalType::ofTensor()); }
};

std::string name_of(const c10::IValue& key) { return key.isString() ? key.toStringRef() : std::to_string(key.toInt()); }

// What the graph asks a dictionary or a list for.
std::vector<c10::IValue> keys_asked_for(const Value* collection) {
  std::map<std::string, c10::IValue> keys;
  for (const torch::jit::Use& use : collection->uses()) {
    size_t elements = use.user->kind() == c10::prim::ListUnpack ? use.user->outputs().size() : 0;
    if (use.user->kind() == c10::aten::__getitem__ && use.offset == 0) {
      const auto key = torch::jit::toIValue(use.user->input(1));
      if (key && key->isString()) keys[key->toStringRef()] = *key;
      if (key && key->isInt() && key->toInt() >= 0) elements = static_cast<size_t>(key->toInt()) + 1;
    }
    for (size_t i = 0; i < elements; ++i) keys[std::to_string(i)] = static_cast<int64_t>(i);
  }
  std::vector<c10::IValue> result;
  for (const auto& [name, key] : keys) result.push_back(key);
  return result;
}

Argument argument_of(const Value* value) {
  Argument argument{value->type(), {}, {}};
  if (const auto tuple = value->type()->cast<c10::TupleType>()) {
    for (size_t i = 0; i < tuple->elements().size(); ++i) argument.keys.emplace_back(static_cast<int64_t>(i));
  } else if (!argument.is_tensor()) {
    argument.keys = keys_asked_for(value);
  }
  for (const c10::IValue& key : argument.keys) argument.tensors.push_back(name_of(key));
  if (argument.is_tensor()) argument.tensors = {value->debugNameBase()};
  return argument;
}

// A collection of these tensors, in a graph and outside of it.
Value* collected(Graph& graph, const c10::TypePtr& type, const std::vector<c10::IValue>& keys,
                 const std::vector<Value*>& tensors) {
  if (type->kind() == c10::TypeKind::TupleType) return graph.insertNode(graph.createTuple(tensors))->output();
  if (type->kind() == c10::TypeKind::ListType) {
    return graph.insertNode(graph.createList(c10::TensorType::get(), tensors))->output();
  }
  std::vector<Value*> names;
  for (const c10::IValue& key : keys) names.push_back(graph.insertConstant(key));
  return graph.insertNode(graph.createDict(c10::StringType::get(), c10::TensorType::get(), names, tensors))->output();
}

c10::IValue collected(const c10::TypePtr& type, const std::vector<c10::IValue>& keys,
                      const std::vector<c10::IValue>& tensors) {
  if (type->kind() == c10::TypeKind::TupleType) return c10::ivalue::Tuple::create(tensors);
  if (type->kind() == c10::TypeKind::ListType) {
    c10::List<at::Tensor> list;
    for (const c10::IValue& tensor : tensors) list.push_back(tensor.toTensor());
    return list;
  }
  c10::Dict<std::string, at::Tensor> dictionary;
  for (size_t i = 0; i < keys.size(); ++i) dictionary.insert(keys[i].toStringRef(), tensors[i].toTensor());
  return dictionary;
}

class Inputs {
 public:
  Inputs(const ModelSource& source, const NamedTensorList& extra) : source_(source), extra_(extra) {
    graph_ = source.graph->copy();
    for (const Value* input : graph_->inputs().slice(1)) {
      const Argument& argument = arguments_.emplace_back(argument_of(input));
      names_.insert(names_.end(), argument.tensors.begin(), argument.tensors.end());
    }
    check_names();
    explained_ = choose();
  }

  ModelSource alone() {
    ModelSource result = source_;
    torch::jit::WithInsertPoint point(*graph_->nodes().begin());
    Value* x = graph_->addInput("x")->setType(c10::TensorType::get());
    for (const Argument& argument : arguments_) {
      replace(graph_->inputs()[1], argument, x);
      graph_->eraseInput(1);
    }
    result.graph = graph_;
    result.defaults = {};
    if (explained_ != names_.front()) result.input = {};
    if (source_.run) {
      result.run = [inputs = *this](const auto& parameters, const std::vector<c10::IValue>& x) {
        return inputs.source_.run(parameters, inputs.beside_all(x[0].toTensor()));
      };
    }
    return result;
  }

 private:
  void check_names() const {
    for (const auto& [name, tensor] : extra_) {
      if (std::count(names_.begin(), names_.end(), name) == 0) {
        throw Error(Fault::input,
                    "the model has no input '" + name + "'" + did_you_mean(name, names_) + "; " + listed());
      }
      if (tensor.dim() > 0 && tensor.size(0) == 1) continue;
      throw Error(Fault::input, "the input '" + name + "' has the shape " + shape_text(tensor.sizes().vec()) +
                                    "; expected [1,...], one row for all");
    }
  }

  std::string choose() const {
    std::vector<std::string> left;
    for (const std::string& name : names_) {
      if (given(name) == nullptr && source_.defaults.count(name) == 0) left.push_back(name);
    }
    const auto is_free = [&](const std::string& name) { return given(name) == nullptr; };
    const auto first = std::find_if(names_.begin(), names_.end(), is_free);
    if (left.empty() && first != names_.end()) left = {*first};
    if (left.size() == 1) return left[0];
    throw Error(Fault::input,
                listed() + (left.empty() ? "; leave one of them, which is explained"
                                         : "; give all but the one that is explained (--extra NAME=FILE.npy)"));
  }

  std::string listed() const {
    std::string list;
    for (const std::string& name : names_) list += (list.empty() ? "'" : ", '") + name + "'";
    return names_.empty() ? "its inputs have no names here" : "its inputs are " + list;
  }

  const at::Tensor* given(const std::string& name) const {
    const auto found = std::find_if(extra_.begin(), extra_.end(), [&](const auto& one) { return one.first == name; });
    return found == extra_.end() ? nullptr : &found->second;
  }

  Value* tensor(const std::string& name, Value* x) {
    if (name == explained_) return x;
    const at::Tensor* extra = given(name);
    return extra == nullptr ? graph_->insertConstant(source_.defaults.at(name)) : beside(*graph_, *extra, x);
  }

  // Elements of collections are the tensors themselves, so that layers can be told apart behind them.
  void replace(Value* input, const Argument& argument, Value* x) {
    std::vector<Value*> tensors;
    for (const std::string& name : argument.tensors) tensors.push_back(tensor(name, x));
    if (argument.is_tensor()) return input->replaceAllUsesWith(tensors[0]);
    const std::vector<torch::jit::Use> uses = input->uses();
    for (const torch::jit::Use& use : uses) take_out(use.user, argument, tensors);
    if (!input->uses().empty()) input->replaceAllUsesWith(collected(*graph_, argument.type, argument.keys, tensors));
  }

  static void take_out(Node* node, const Argument& argument, const std::vector<Value*>& tensors) {
    const auto kind = node->kind();
    if (kind == c10::prim::ListUnpack || kind == c10::prim::TupleUnpack) {
      for (size_t i = 0; i < node->outputs().size(); ++i) node->output(i)->replaceAllUsesWith(tensors.at(i));
    } else if (kind == c10::aten::__getitem__ || kind == c10::prim::TupleIndex) {
      const auto key = torch::jit::toIValue(node->input(1));
      if (!key || !(key->isString() || key->isInt())) return;
      const auto& names = argument.tensors;
      const auto found = std::find(names.begin(), names.end(), name_of(*key));
      if (found == names.end()) return;
      node->output()->replaceAllUsesWith(tensors[static_cast<size_t>(found - names.begin())]);
    } else {
      return;
    }
    node->destroy();
  }

  // What the file's own forward takes.
  std::vector<c10::IValue> beside_all(const at::Tensor& x) const {
    std::vector<c10::IValue> inputs;
    for (const Argument& argument : arguments_) {
      std::vector<c10::IValue> tensors;
      for (const std::string& name : argument.tensors) {
        const at::Tensor* extra = given(name);
        tensors.push_back(name == explained_ ? x : extra ? c10::IValue(beside(*extra, x)) : source_.defaults.at(name));
      }
      inputs.push_back(argument.is_tensor() ? tensors[0] : collected(argument.type, argument.keys, tensors));
    }
    return inputs;
  }

  ModelSource source_;
  NamedTensorList extra_;
  LayeredGraph graph_;
  std::vector<Argument> arguments_;
  std::vector<std::string> names_;
  std::string explained_;
};

}  // namespace

ModelSource explained_alone(const ModelSource& source, const NamedTensorList& extra) {
  const auto inputs = source.graph->inputs();
  const bool is_alone = inputs.size() == 2 && inputs[1]->type()->isSubtypeOf(*c10::TensorType::get());
  if (is_alone && extra.empty()) return source;
  return rewritten([&] { return Inputs(source, extra).alone(); });
}

}  // namespace attune
