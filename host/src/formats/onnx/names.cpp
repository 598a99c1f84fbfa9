// What exporters tell of modules and their parameters.
#include <algorithm>
#include <cctype>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

// "['', 'layer1', 'layer1.0']"
std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  for (size_t at = 0; at < list.size(); ++at) {
    const char quote = list[at];
    if (quote != '\'' && quote != '"') continue;
    const size_t end = list.find(quote, at + 1);
    if (end == std::string::npos) break;
    words.push_back(list.substr(at + 1, end - at - 1));
    at = end;
  }
  return words;
}

std::string as_path(const std::string& text) {
  std::string path;
  for (const char c : text) {
    const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    if (c == '.' && (path.empty() || path.back() == '.')) continue;
    path += is_letter ? c : '_';
  }
  while (!path.empty() && path.back() == '.') path.pop_back();
  return path;
}

std::string entry_of(const OnnxNode& node, const std::string& key) {
  const auto found = node.metadata.find("pkg.torch.onnx." + key);
  return found == node.metadata.end() ? "" : found->second;
}

// torch.onnx.export(dynamo=True): the paths of the modules and their classes, and in the end the operator's.
std::vector<LayerFrame> frames_of_metadata(const OnnxNode& node) {
  std::vector<LayerFrame> frames;
  const std::vector<std::string> paths = words_of(entry_of(node, "name_scopes")),
                                 types = words_of(entry_of(node, "class_hierarchy"));
  for (size_t i = 1; i + 1 < paths.size(); ++i) {
    const std::string path = as_path(paths[i]), type = i < types.size() ? types[i] : "Module";
    if (!path.empty() && path.compare(0, 6, "_empty") != 0) {
      frames.push_back({path, path, type.substr(type.rfind('.') + 1)});
    }
  }
  return frames;
}

// "/layer4/layer4.1/conv2/Conv" stands in layer4, layer4.1 and layer4.1.conv2, "model/block5/conv/Conv2D" in
// model, model.block5...
std::vector<LayerFrame> frames_of_name(const OnnxNode& node) {
  std::vector<LayerFrame> frames;
  std::string path, last;
  size_t begin = node.name[0] == '/' ? 1 : 0;
  for (size_t end = node.name.find('/', begin); end != std::string::npos; end = node.name.find('/', begin)) {
    const std::string part = as_path(node.name.substr(begin, end - begin));
    begin = end + 1;
    if (part.empty() || part.find("StatefulPartitionedCall") == 0) continue;
    const bool repeats = !last.empty() && part.compare(0, last.size() + 1, last + ".") == 0;
    path = repeats ? path.substr(0, path.size() - last.size()) + part : path.empty() ? part : path + "." + part;
    last = part;
    frames.push_back({path, path, "Module"});
  }
  if (!frames.empty()) frames.back().type = node.op;
  return frames;
}

// Operators that make what others only arrange or scale.
bool is_layer(const OnnxNode& node) {
  static const std::set<std::string> others{"Cast",   "Concat",  "Constant",  "ConstantOfShape",
                                            "Div",    "Dropout", "Equal",     "Exp",
                                            "Expand", "Flatten", "Gather",    "Identity",
                                            "Mul",    "Pow",     "Range",     "Reshape",
                                            "Shape",  "Sigmoid", "Slice",     "Split",
                                            "Sqrt",   "Squeeze", "Sub",       "Transpose",
                                            "Tanh",   "Erf",     "Unsqueeze", "Where"};
  return others.count(node.op) == 0;
}

bool looks_like_path(const std::string& name) {
  const auto is_odd = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.'; };
  return name.find('.') != std::string::npos && std::none_of(name.begin(), name.end(), is_odd) && name.back() != '.' &&
         name.front() != '.' && name.find("..") == std::string::npos;
}

std::vector<LayerFrame> frames_of_operator(const OnnxNode& node, size_t index) {
  if (!is_layer(node)) return {};
  for (const std::string& input : node.inputs) {
    if (!looks_like_path(input)) continue;
    const std::string path = input.substr(0, input.rfind('.'));
    return {{path + "#" + std::to_string(index), path, node.op}};
  }
  std::string path = as_path(node.name);
  std::replace(path.begin(), path.end(), '.', '_');
  if (path.empty()) path = node.op + "_" + std::to_string(index);
  return {{path + "#" + std::to_string(index), path, node.op}};
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
    const size_t end = frame.path.find_last_not_of("0123456789");
    if (end == std::string::npos || end + 1 == frame.path.size() || frame.path[end] != '_') continue;
    const std::string stem = frame.path.substr(0, end);
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
  const auto has_metadata = [](const OnnxNode& node) { return !entry_of(node, "name_scopes").empty(); };
  const auto has_scope = [](const OnnxNode& node) { return node.name.find('/') != std::string::npos; };
  const bool by_metadata = std::any_of(graph.nodes.begin(), graph.nodes.end(), has_metadata);
  const bool by_name = std::any_of(graph.nodes.begin(), graph.nodes.end(), has_scope);
  std::vector<GraphNode> nodes;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const OnnxNode& node = graph.nodes[i];
    const auto frames = by_metadata ? frames_of_metadata(node)
                        : by_name   ? (has_scope(node) ? frames_of_name(node) : std::vector<LayerFrame>())
                                    : frames_of_operator(node, i);
    nodes.push_back({frames, node.inputs, node.outputs});
  }
  std::set<std::string> parameters;
  for (const OnnxTensor& tensor : graph.initializers) parameters.insert(tensor.name);
  if (by_metadata) number_calls(nodes);
  if (!by_metadata && by_name) join_repeated(nodes, parameters);
  std::vector<std::string> outputs;
  for (const OnnxValueInfo& output : graph.outputs) outputs.push_back(output.name);
  return layers_of(nodes, outputs);
}

void join_linear(OnnxGraph& graph) {
  std::map<std::string, const OnnxTensor*> parameters;
  std::map<std::string, int> uses;
  std::map<std::string, size_t> products;
  for (const OnnxTensor& tensor : graph.initializers) parameters[tensor.name] = &tensor;
  for (const OnnxValueInfo& output : graph.outputs) ++uses[output.name];
  for (const OnnxNode& node : graph.nodes) {
    for (const std::string& input : node.inputs) ++uses[input];
  }
  const auto rank = [&](const std::string& name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? 0 : found->second->sizes.size();
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    OnnxNode& node = graph.nodes[i];
    if (node.inputs.size() != 2 || node.outputs.size() != 1) continue;
    if (node.op == "MatMul" && rank(node.inputs[1]) == 2) {
      node.op = "Linear";
      if (uses[node.outputs[0]] == 1) products[node.outputs[0]] = i;
    }
    if (node.op != "Add") continue;
    for (const size_t side : {0, 1}) {
      const auto product = products.find(node.inputs[side]);
      if (product == products.end() || rank(node.inputs[1 - side]) != 1) continue;
      OnnxNode joined = graph.nodes[product->second];
      joined.inputs.push_back(node.inputs[1 - side]);
      joined.outputs = node.outputs;
      graph.nodes[product->second] = {"", "Identity", "", {joined.inputs[0]}, {product->first + "'"}, {}, {}};
      node = joined;
      break;
    }
  }
}

std::string parameter_path(const std::string& name, const OnnxNode& node, size_t index, const std::string& scope) {
  static const std::vector<std::string> norm{"", "weight", "bias", "running_mean", "running_var"};
  static const std::set<std::string> shifts{"Add", "Sub"};
  std::string path = name;
  const std::string folded = ".weight_bias";
  if (looks_like_path(path)) {
    const bool is_folded =
        path.size() > folded.size() && path.compare(path.size() - folded.size(), folded.size(), folded) == 0;
    return is_folded ? path.substr(0, path.size() - 12) + ".bias" : path;
  }
  const bool is_readable = !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
                           name.find_first_of(":/") == std::string::npos && name.compare(0, 4, "val_") != 0;
  if (is_readable) return as_path(name);
  const std::string role = shifts.count(node.op) != 0         ? "bias"
                           : index < norm.size() && index > 0 ? norm[index]
                                                              : "weight";
  return scope.empty() ? as_path(node.op + "_" + name) : scope + "." + role;
}

}  // namespace attune
