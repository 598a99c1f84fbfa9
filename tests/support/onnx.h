// Small ONNX models, written node by node.
#pragma once

#include <ATen/ATen.h>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace attune::test {

using OnnxSetting = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, at::Tensor,
                                 std::vector<std::string>>;
using OnnxSettings = std::vector<std::pair<std::string, OnnxSetting>>;

inline int onnx_type(at::ScalarType type) {
  return type == at::kFloat ? 1 : type == at::kDouble ? 11 : type == at::kBool ? 9 : type == at::kHalf ? 10 : 7;
}

inline std::string onnx_tensor(const std::string& name, const at::Tensor& values) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  const at::Tensor plain = values.contiguous();
  writer.add_packed_int64(1, plain.sizes().begin(), plain.sizes().end());
  writer.add_int32(2, onnx_type(plain.scalar_type()));
  writer.add_string(8, name);
  writer.add_bytes(9, static_cast<const char*>(plain.data_ptr()), plain.nbytes());
  return bytes;
}

inline std::string onnx_entry(const std::string& key, const std::string& value) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, key);
  writer.add_string(2, value);
  return bytes;
}

// A value of these sizes; 0: any.
inline std::string onnx_value(const std::string& name, const std::vector<int64_t>& sizes,
                              at::ScalarType element = at::kFloat) {
  std::string shape, tensor, type, bytes;
  for (const int64_t size : sizes) {
    std::string entry;
    protozero::pbf_writer writer(entry);
    size == 0 ? writer.add_string(2, "batch") : writer.add_int64(1, size);
    protozero::pbf_writer(shape).add_message(1, entry);
  }
  protozero::pbf_writer(tensor).add_int32(1, onnx_type(element));
  protozero::pbf_writer(tensor).add_message(2, shape);
  protozero::pbf_writer(type).add_message(1, tensor);
  protozero::pbf_writer(bytes).add_string(1, name);
  protozero::pbf_writer(bytes).add_message(2, type);
  return bytes;
}

inline std::string onnx_attribute(const std::string& name, const OnnxSetting& setting) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, name);
  static constexpr int types[] = {2, 1, 3, 7, 6, 4, 8};
  writer.add_int32(20, types[setting.index()]);
  if (const auto* i = std::get_if<int64_t>(&setting)) writer.add_int64(3, *i);
  if (const auto* f = std::get_if<double>(&setting)) writer.add_float(2, static_cast<float>(*f));
  if (const auto* s = std::get_if<std::string>(&setting)) writer.add_string(4, *s);
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&setting)) {
    for (const int64_t one : *ints) writer.add_int64(8, one);
  }
  if (const auto* floats = std::get_if<std::vector<double>>(&setting)) {
    for (const double one : *floats) writer.add_float(7, static_cast<float>(one));
  }
  if (const auto* words = std::get_if<std::vector<std::string>>(&setting)) {
    for (const std::string& one : *words) writer.add_string(9, one);
  }
  if (const auto* tensor = std::get_if<at::Tensor>(&setting)) writer.add_message(5, onnx_tensor("", *tensor));
  return bytes;
}

// A model of one input "x" and the output of its last node.
class OnnxProgram {
 public:
  explicit OnnxProgram(std::vector<int64_t> input, int64_t opset = 17) : input_(std::move(input)), opset_(opset) {}

  // Beside x.
  std::string input(const std::string& name, const std::vector<int64_t>& sizes, at::ScalarType element) {
    inputs_.push_back(onnx_value(name, sizes, element));
    return name;
  }

  std::string parameter(const std::string& name, const at::Tensor& values) {
    graph_writer().add_message(5, onnx_tensor(name, values));
    return name;
  }
  std::string external(const std::string& name, const at::Tensor& values, const std::string& file, int64_t offset,
                       int64_t length) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_packed_int64(1, values.sizes().begin(), values.sizes().end());
    writer.add_int32(2, onnx_type(values.scalar_type()));
    writer.add_string(8, name);
    writer.add_message(13, onnx_entry("location", file));
    writer.add_message(13, onnx_entry("offset", std::to_string(offset)));
    writer.add_message(13, onnx_entry("length", std::to_string(length)));
    writer.add_enum(14, 1);
    graph_writer().add_message(5, bytes);
    return name;
  }

  // What the file says of a value between nodes.
  void say_sizes(const std::string& name, const std::vector<int64_t>& sizes) {
    graph_writer().add_message(13, onnx_value(name, sizes));
  }

  // Its first output's name. `scopes`: {"", "layer1", "layer1.conv"}, as the newer exporter writes them.
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const OnnxSettings& settings = {},
                   const std::string& name = "", int outputs = 1, const std::string& scopes = "",
                   const std::string& classes = "", const std::string& domain = "") {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    for (const std::string& input : inputs) writer.add_string(1, input);
    last = values + std::to_string(count_++);
    for (int i = 0; i < outputs; ++i) writer.add_string(2, i == 0 ? last : last + "_" + std::to_string(i));
    if (!name.empty()) writer.add_string(3, name);
    writer.add_string(4, op);
    for (const auto& [key, setting] : settings) writer.add_message(5, onnx_attribute(key, setting));
    if (!domain.empty()) writer.add_string(7, domain);
    if (!scopes.empty()) {
      writer.add_message(9, onnx_entry("pkg.torch.onnx.name_scopes", scopes));
      writer.add_message(9, onnx_entry("pkg.torch.onnx.class_hierarchy", classes));
    }
    graph_writer().add_message(1, bytes);
    return last;
  }

  std::string bytes(const std::vector<std::string>& outputs = {}) const {
    std::string graph = graph_, opset, model;
    protozero::pbf_writer writer(graph);
    writer.add_message(11, onnx_value("x", input_));
    for (const std::string& input : inputs_) writer.add_message(11, input);
    for (const std::string& output : outputs.empty() ? std::vector{last} : outputs) {
      writer.add_message(12, onnx_value(output, {}));
    }
    protozero::pbf_writer(opset).add_string(1, "");
    protozero::pbf_writer(opset).add_int64(2, opset_);
    protozero::pbf_writer(model).add_int64(1, 8);
    protozero::pbf_writer(model).add_message(7, graph);
    protozero::pbf_writer(model).add_message(8, opset);
    return model;
  }

  std::string last;
  std::string values = "v";  // what names of values begin with

 private:
  protozero::pbf_writer graph_writer() { return protozero::pbf_writer(graph_); }

  std::vector<int64_t> input_;
  std::vector<std::string> inputs_;
  int64_t opset_;
  std::string graph_;
  int count_ = 0;
};

}  // namespace attune::test
