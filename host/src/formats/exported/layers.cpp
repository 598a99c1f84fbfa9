#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;

std::vector<std::string> split(const std::string& text, char delimiter) {
  std::vector<std::string> parts{""};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      parts.back() += text[++i];
    } else if (text[i] == delimiter) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

// "L['self'].layer1[0]" and "layer1.0" are one path, whatever `forward` calls its first argument.
std::string plain_path(std::string path) {
  const size_t end = path.find("']");
  if (path.compare(0, 3, "L['") == 0 && end != std::string::npos) path.erase(0, end + 2);
  std::string plain;
  for (const char c : path) {
    if (c == '[') plain += '.';
    if (c != '[' && c != ']' && c != '\'' && c != '"') plain += c;
  }
  return plain.compare(0, 1, ".") == 0 ? plain.substr(1) : plain;
}

// From the model inwards, the model itself left out.
std::vector<LayerFrame> frames_of(const json& node) {
  std::vector<LayerFrame> frames;
  const json metadata = node.value("metadata", json::object());
  for (const std::string& entry : split(metadata.value("nn_module_stack", ""), ';')) {
    const std::vector<std::string> parts = split(entry, ',');
    if (parts.size() != 3 || parts[0].compare(0, 6, "_empty") == 0) continue;
    const std::string path = plain_path(parts[1]);
    if (!path.empty()) frames.push_back({parts[0], path, parts[2].substr(parts[2].rfind('.') + 1)});
  }
  return frames;
}

void collect(const json& argument, std::vector<std::string>& names) {
  if (argument.contains("as_tensor")) names.push_back(argument["as_tensor"].at("name"));
  for (const char* const list : {"as_tensors", "as_optional_tensors"}) {
    if (!argument.contains(list)) continue;
    for (const json& entry : argument[list]) {
      if (entry.contains("name")) names.push_back(entry["name"]);
      if (entry.contains("as_tensor")) names.push_back(entry["as_tensor"].at("name"));
    }
  }
  if (argument.contains("as_optional_tensor")) collect(argument["as_optional_tensor"], names);
}

}  // namespace

std::pair<std::string, const json&> union_of(const json& value) {
  if (!value.is_object() || value.empty())
    throw Error(Fault::input,
                "is damaged: it has " + value.dump().substr(0, 40) + " where a kind and its value are expected");
  return {value.begin().key(), value.begin().value()};
}

std::vector<std::string> tensors_of(const json& arguments) {
  std::vector<std::string> names;
  for (const json& argument : arguments) collect(argument, names);
  return names;
}

GraphLayers exported_layers(const json& graph) {
  std::vector<GraphNode> nodes;
  for (const json& node : graph.at("nodes")) {
    GraphNode& read = nodes.emplace_back(GraphNode{frames_of(node), {}, tensors_of(node.at("outputs"))});
    for (const json& input : node.at("inputs")) collect(input.at("arg"), read.inputs);
  }
  return layers_of(nodes, tensors_of(graph.at("outputs")));
}

}  // namespace attune
