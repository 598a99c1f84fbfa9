// What becomes of an ONNX file's graph before it is read: a part of it, weights that are parameters, joined operators.
#include <algorithm>

#include "formats/onnx/builder.h"

namespace attune {

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
    const bool is_same = node.op == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1;
    const auto same = is_same ? parameters.find(node.inputs[0]) : parameters.end();
    if (same != parameters.end()) parameters[node.outputs[0]] = same->second;  // exporters keep one of equal ones
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

}  // namespace attune
