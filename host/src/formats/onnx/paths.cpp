// The layers of an ONNX file: what its nodes say of modules, completed from one another.
#include <algorithm>

#include "formats/onnx/builder.h"
#include "formats/onnx/names.h"

namespace attune {
namespace {

// "relu" of "relu_1", as names have a scope that comes again.
std::string without_number(const std::string& path) {
  const size_t end = path.find_last_not_of("0123456789");
  const bool is_numbered = end != std::string::npos && end + 1 < path.size() && path[end] == '_';
  return is_numbered ? path.substr(0, end) : path;
}

// Where "blocks.1.conv" is the module that is called "conv": "blocks.1.", and where it is missing.
std::optional<std::pair<size_t, std::string>> missing_words(const std::string& path, const std::string& whole) {
  for (size_t at = 0;; at = path.find('.', at) + 1) {
    const std::string tail = "." + path.substr(at);
    const bool fits = whole.size() > path.size() && whole.compare(0, at, path, 0, at) == 0 &&
                      whole.compare(whole.size() - tail.size(), tail.size(), tail) == 0;
    if (fits) return std::make_pair(at, whole.substr(at, whole.size() - path.size()));
    if (path.find('.', at) == std::string::npos) return std::nullopt;
  }
}

// PyTorch's older exporter leaves some containers (ModuleDict) out of names. A parameter's name has them, and so they
// stand in the names of all nodes around it that are in the same module.
void complete_paths(std::vector<GraphNode>& nodes, const std::set<std::string>& parameters) {
  const std::vector<GraphNode> given = nodes;
  std::set<size_t> done;
  for (size_t i = 0; i < given.size(); ++i) {
    for (const std::string& input : given[i].inputs) {
      if (given[i].frames.empty() || parameters.count(input) == 0 || !looks_like_path(input)) continue;
      const std::string path = given[i].frames.back().path, whole = input.substr(0, input.rfind('.'));
      auto missing = missing_words(path, whole);
      const bool is_numbered = !missing;
      if (is_numbered) missing = missing_words(without_number(path), whole);
      if (!missing) continue;
      const auto [at, words] = *missing;
      const auto outer = std::find_if(given[i].frames.begin(), given[i].frames.end(),
                                      [at = at](const LayerFrame& frame) { return frame.path.size() > at; });
      const auto stands_in = [&](size_t j) {
        const auto& frames = given[j].frames;
        return std::any_of(frames.begin(), frames.end(), [&](const auto& frame) { return frame.path == outer->path; });
      };
      size_t first = i;
      while (first > 0 && stands_in(first - 1)) --first;
      for (size_t j = first; j < given.size() && stands_in(j); ++j) {
        if (!done.insert(j).second) continue;
        if (is_numbered) nodes[j].frames.back().path = without_number(nodes[j].frames.back().path);
        for (LayerFrame& frame : nodes[j].frames) {
          if (frame.path.size() > at) frame.path.insert(at, words);
          frame.key = frame.path;
        }
      }
    }
  }
}

// The second call of a module without parameters is "relu_1" in names.
void join_repeated(std::vector<GraphNode>& nodes, const std::set<std::string>& parameters) {
  std::set<std::string> paths, with_parameters;
  for (const GraphNode& node : nodes) {
    const auto is_parameter = [&](const std::string& name) { return parameters.count(name) != 0; };
    const bool has_any = std::any_of(node.inputs.begin(), node.inputs.end(), is_parameter);
    for (const LayerFrame& frame : node.frames) {
      paths.insert(frame.path);
      if (has_any) with_parameters.insert(frame.path);
    }
  }
  for (GraphNode& node : nodes) {
    if (node.frames.empty()) continue;
    LayerFrame& frame = node.frames.back();
    const std::string stem = without_number(frame.path);
    if (paths.count(stem) != 0 && with_parameters.count(frame.path) == 0) frame.path = stem;
  }
}

// A path that comes again after others is another call.
void number_calls(std::vector<GraphNode>& nodes) {
  std::map<std::string, int> calls;
  std::set<std::string> open;
  for (GraphNode& node : nodes) {
    if (node.frames.empty()) continue;
    std::set<std::string> now;
    for (LayerFrame& frame : node.frames) {
      if (open.count(frame.path) == 0) ++calls[frame.path];
      now.insert(frame.path);
      frame.key += "#" + std::to_string(calls[frame.path]);
    }
    open = now;
  }
}

}  // namespace

GraphLayers onnx_layers(const OnnxGraph& graph) {
  const auto has_scope = [](const OnnxNode& node) { return node.name.find('/') != std::string::npos; };
  const bool by_metadata = std::any_of(graph.nodes.begin(), graph.nodes.end(), has_metadata);
  const bool by_name = std::any_of(graph.nodes.begin(), graph.nodes.end(), has_scope);
  std::set<std::string> parameters;
  for (const OnnxTensor& tensor : graph.initializers) parameters.insert(tensor.name);
  for (const OnnxNode& node : graph.nodes) {  // equal ones are one; without scopes, in Paddle's, they are nodes
    const bool is_same = node.op == "Identity" && !node.inputs.empty() && parameters.count(node.inputs[0]) != 0;
    if (is_same || (!by_name && node.op == "Constant")) parameters.insert(node.outputs.begin(), node.outputs.end());
  }
  std::vector<GraphNode> nodes;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const OnnxNode& node = graph.nodes[i];
    const auto frames = by_metadata ? frames_of_metadata(node)
                        : by_name   ? (has_scope(node) ? frames_of_name(node) : std::vector<LayerFrame>())
                                    : frames_of_operator(node, i, parameters);
    nodes.push_back({frames, node.inputs, node.outputs});
  }
  if (by_metadata) number_calls(nodes);
  if (!by_metadata && by_name) {
    complete_paths(nodes, parameters);
    join_repeated(nodes, parameters);
  }
  std::vector<std::string> outputs;
  for (const OnnxValueInfo& output : graph.outputs) outputs.push_back(output.name);
  return layers_of(nodes, outputs);
}

}  // namespace attune
