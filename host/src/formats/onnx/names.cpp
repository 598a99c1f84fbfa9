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

// Of values that are numbered alone ("input.4", "pool2d.1.0") the numbers say nothing of layers.
bool is_named_value(const std::string& name) {
  return looks_like_path(name) && std::isalpha(static_cast<unsigned char>(name[name.rfind('.') + 1])) != 0;
}

// Named after a parameter, the operator itself, or what it makes ("conv2d_3.tmp_0", as Paddle has it).
std::vector<LayerFrame> frames_of_operator(const OnnxNode& node, size_t index,
                                           const std::set<std::string>& parameters) {
  if (!is_layer(node)) return {};
  for (const std::string& input : node.inputs) {
    if (parameters.count(input) == 0 || !looks_like_path(input)) continue;
    const std::string path = input.substr(0, input.rfind('.'));
    return {{path + "#" + std::to_string(index), path, node.op}};
  }
  std::string path = as_path(node.name);
  std::replace(path.begin(), path.end(), '.', '_');
  const std::string made = node.outputs.empty() ? "" : node.outputs[0];
  if (path.empty() && is_named_value(made)) path = made.substr(0, made.rfind('.'));
  if (path.empty()) path = node.op + "_" + std::to_string(index);
  return {{path + "#" + std::to_string(index), path, node.op}};
}

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
  const auto has_metadata = [](const OnnxNode& node) { return !entry_of(node, "name_scopes").empty(); };
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

void add_inputs(const OnnxNode& node, std::set<std::string>& names) {
  names.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& [name, given] : node.attributes) {
    if (given.g == nullptr) continue;
    for (const OnnxNode& inner : given.g->nodes) add_inputs(inner, names);
    for (const OnnxValueInfo& output : given.g->outputs) names.insert(output.name);
  }
}

void cut_behind(OnnxGraph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    if (graph.outputs[i].name == name || std::to_string(i) == name) return;
  }
  std::set<std::string> needed{name};
  std::vector<OnnxNode> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const auto is_needed = [&](const std::string& output) { return !output.empty() && needed.count(output) != 0; };
    if (std::none_of(node->outputs.begin(), node->outputs.end(), is_needed)) continue;
    add_inputs(*node, needed);
    kept.push_back(*node);
  }
  if (kept.empty()) return;
  graph.nodes.assign(kept.rbegin(), kept.rend());
  graph.outputs = {{name, 1, {}}};
  const auto is_unused = [&](const OnnxValueInfo& input) { return needed.count(input.name) == 0; };
  graph.inputs.erase(std::remove_if(graph.inputs.begin(), graph.inputs.end(), is_unused), graph.inputs.end());
}

void find_weights(OnnxGraph& graph) {
  static const std::set<std::string> products{"Conv", "ConvTranspose", "Gemm", "MatMul"},
      layers{"BatchNormalization",
             "GroupNormalization",
             "GRU",
             "InstanceNormalization",
             "LayerNormalization",
             "LSTM",
             "PRelu",
             "RNN"},
      arranging{"Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"};
  std::map<std::string, OnnxTensor> constants;  // by their names, and by those of what is only arranged of them
  std::set<std::string> made, found;            // by products; weights
  for (const OnnxNode& node : graph.nodes) {
    const auto value = node.attributes.find("value");
    if (node.outputs.empty()) continue;
    if (node.op == "Constant" && value != node.attributes.end() && value->second.t != nullptr) {
      constants[node.outputs[0]] = *value->second.t;
      constants[node.outputs[0]].name = node.outputs[0];
    }
    if (arranging.count(node.op) != 0 && !node.inputs.empty() && constants.count(node.inputs[0]) != 0)
      constants[node.outputs[0]] = constants.at(node.inputs[0]);
    const bool is_product = products.count(node.op) != 0;
    const auto is_made = [&](const std::string& input) { return made.count(input) != 0; };
    const bool shifts = node.op == "Add" && std::any_of(node.inputs.begin(), node.inputs.end(), is_made);
    if (is_product) made.insert(node.outputs.begin(), node.outputs.end());
    if (!is_product && !shifts && layers.count(node.op) == 0) continue;
    for (const std::string& input : node.inputs) {
      const auto weight = constants.find(input);
      const bool is_one = weight != constants.end() && !weight->second.sizes.empty();
      if (is_one && found.insert(weight->second.name).second) graph.initializers.push_back(weight->second);
    }
  }
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
      graph.nodes[product->second] = {joined.name, "Identity", "", {joined.inputs[0]}, {product->first + "'"}, {}, {}};
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
