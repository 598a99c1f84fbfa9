// What goes into an ONNX model and what comes out of it.
#include <algorithm>
#include <cctype>

#include <attune/sdk/error.h>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

bool has_channels_behind(const std::vector<int64_t>& sizes) {
  const auto is_colour = [](int64_t size) { return size == 1 || size == 3 || size == 4; };
  return sizes.size() > 3 && is_colour(sizes.back()) && !is_colour(sizes[1]);
}

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
    value.varies = true;
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

}  // namespace attune
