#include <algorithm>
#include <set>

#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;

// One call of a module: the nodes that stand in it.
struct Call {
  std::string path;
  size_t depth = 0;
  std::set<size_t> nodes;
};

struct Frame {
  std::string key, path, type;
};

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
std::vector<Frame> frames_of(const json& node) {
  std::vector<Frame> frames;
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

// Which nodes use a value; the program's output counts as the node behind the last.
std::map<std::string, std::vector<size_t>> uses_of(const json& graph) {
  std::map<std::string, std::vector<size_t>> uses;
  const json& nodes = graph.at("nodes");
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const json& input : nodes[i].at("inputs")) {
      for (const std::string& name : tensors_of(json::array({input.at("arg")}))) uses[name].push_back(i);
    }
  }
  for (const std::string& name : tensors_of(graph.at("outputs"))) uses[name].push_back(nodes.size());
  return uses;
}

std::string output_of(const Call& call, const json& nodes, const std::map<std::string, std::vector<size_t>>& uses) {
  for (auto node = call.nodes.rbegin(); node != call.nodes.rend(); ++node) {
    for (const std::string& name : tensors_of(nodes[*node].at("outputs"))) {
      const auto found = uses.find(name);
      if (found == uses.end()) continue;
      const auto is_outside = [&](size_t user) { return call.nodes.count(user) == 0; };
      if (std::any_of(found->second.begin(), found->second.end(), is_outside)) return name;
    }
  }
  return "";
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

ExportedLayers exported_layers(const json& graph) {
  ExportedLayers layers;
  std::vector<Call> calls;
  std::map<std::string, size_t> by_key;
  const json& nodes = graph.at("nodes");
  for (size_t i = 0; i < nodes.size(); ++i) {
    size_t depth = 0;
    for (const Frame& frame : frames_of(nodes[i])) {
      layers.types[frame.path] = frame.type;
      layers.scopes[i] = frame.path;
      const auto [call, is_new] = by_key.emplace(frame.key, calls.size());
      if (is_new) calls.push_back({frame.path, depth, {}});
      calls[call->second].nodes.insert(i);
      ++depth;
    }
  }
  std::stable_sort(calls.begin(), calls.end(), [](const Call& a, const Call& b) { return a.depth > b.depth; });
  const auto uses = uses_of(graph);
  for (const Call& call : calls) {
    const std::string value = output_of(call, nodes, uses);
    if (!value.empty()) layers.ends[value].push_back(call.path);
  }
  return layers;
}

}  // namespace attune
