// Small programs of torch.export, written as torch.export.save writes them.
#pragma once

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace attune::test {

using nlohmann::json;

inline json tensor(const std::string& name) { return {{"as_tensor", {{"name", name}}}}; }

inline json sizes_json(at::IntArrayRef sizes) {
  json list = json::array();
  for (const int64_t size : sizes) list.push_back({{"as_int", size}});
  return list;
}

// A program of one input "x" [N,...] that is built node by node.
class ExportedProgram {
 public:
  // `batch` 0: any.
  explicit ExportedProgram(std::vector<int64_t> input, int64_t batch = 0) {
    json sizes = sizes_json(input);
    sizes.insert(sizes.begin(), batch == 0 ? json{{"as_expr", {{"expr_str", "s0"}}}} : json{{"as_int", batch}});
    values_["x"] = {{"sizes", sizes}};
    inputs_.push_back({{"user_input", {{"arg", tensor("x")}}}});
  }

  // The name that nodes know a parameter (or buffer) by.
  std::string parameter(const std::string& path, const at::Tensor& value, const char* kind = "parameter") {
    std::string name = "p_" + path;
    std::replace(name.begin(), name.end(), '.', '_');
    const std::string key = std::string(kind) + "_name";
    inputs_.push_back({{kind, {{"arg", {{"name", name}}}, {key, path}, {"persistent", true}}}});
    tensors[path] = value;
    return name;
  }

  // A node within the modules of `stack`: {{"layer1", "Sequential"}, {"layer1.0", "Conv2d"}}. Returns its output's
  // name.
  using Arguments = std::vector<std::pair<std::string, json>>;
  using Stack = std::vector<std::pair<std::string, std::string>>;
  std::string node(const std::string& target, const Arguments& arguments, const Stack& stack = {},
                   std::vector<int64_t> sizes = {}, json outputs = {}) {
    const std::string name = "v" + std::to_string(nodes.size());
    std::string modules = "L__self__,,__main__.Model";
    for (const auto& [path, type] : stack) {
      modules += ";L__self__" + path + "," + path.substr(0, path.find('@')) + ",torch.nn.modules." + type;
    }
    json inputs = json::array();
    for (const auto& [key, value] : arguments) inputs.push_back({{"name", key}, {"arg", value}, {"kind", 1}});
    if (outputs.is_null()) outputs = json::array({tensor(name)});
    nodes.push_back(
        {{"target", target}, {"inputs", inputs}, {"outputs", outputs}, {"metadata", {{"nn_module_stack", modules}}}});
    values_[name] = {{"sizes", sizes_json(sizes)}};
    return name;
  }

  json program(const std::vector<std::string>& outputs, const std::string& out_spec = "") const {
    json results = json::array(), returned = json::array();
    for (const std::string& output : outputs) {
      results.push_back(tensor(output));
      returned.push_back({{"user_output", {{"arg", tensor(output)}}}});
    }
    json call = {{"fqn", ""}, {"signature", nullptr}};
    if (!out_spec.empty()) call["signature"] = {{"out_spec", out_spec}};
    return {
        {"graph_module",
         {{"graph", {{"inputs", json::array()}, {"outputs", results}, {"nodes", nodes}, {"tensor_values", values_}}},
          {"signature", {{"input_specs", inputs_}, {"output_specs", returned}}},
          {"module_call_graph", json::array({call})}}},
        {"schema_version", {{"major", 8}, {"minor", 20}}}};
  }

  json config() const {
    json config;
    int number = 0;
    for (const auto& [path, value] : tensors) {
      config[path] = {{"path_name", "weight_" + std::to_string(number++)},
                      {"is_param", true},
                      {"use_pickle", false},
                      {"tensor_meta",
                       {{"dtype", value.scalar_type() == at::kDouble ? 8
                                  : value.scalar_type() == at::kLong ? 5
                                                                     : 7},
                        {"sizes", sizes_json(value.sizes())},
                        {"strides", sizes_json(value.strides())},
                        {"storage_offset", {{"as_int", 0}}}}}};
    }
    return {{"config", config}};
  }

  // Records by name.
  std::map<std::string, std::string> records(const json& program) const {
    std::map<std::string, std::string> records{{"archive_format", "pt2"},
                                               {"models/model.json", program.dump()},
                                               {"data/weights/model_weights_config.json", config().dump()}};
    int number = 0;
    for (const auto& [path, value] : tensors) {
      const at::Tensor plain = value.contiguous();
      records["data/weights/weight_" + std::to_string(number++)] =
          std::string(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
    }
    return records;
  }

  std::vector<json> nodes;
  std::map<std::string, at::Tensor> tensors;

 private:
  json values_ = json::object();
  json inputs_ = json::array();
};

inline void write_archive(const std::filesystem::path& file, const std::map<std::string, std::string>& records) {
  caffe2::serialize::PyTorchStreamWriter writer(file.string());
  for (const auto& [name, bytes] : records) writer.writeRecord(name, bytes.data(), bytes.size());
  writer.writeEndOfFile();
}

}  // namespace attune::test
