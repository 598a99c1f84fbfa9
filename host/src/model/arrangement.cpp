// What the operators behind a layer say of where its channels are.

#include <set>

#include "model/graph.h"
#include "model/operators.h"

namespace attune {
namespace {

using torch::jit::Node;
using torch::jit::Value;

bool is_one_of(const Node* node, const std::set<std::string>& names) {
  std::string name = node->kind().toUnqualString();
  if (name.size() > 1 && name.back() == '_') name.pop_back();  // in place
  return names.count(name) != 0;
}

bool works_on_channels_first(const Node* node) {
  static const std::set<std::string> names = {"conv1d",
                                              "conv2d",
                                              "conv3d",
                                              "_convolution",
                                              "batch_norm",
                                              "instance_norm",
                                              "group_norm",
                                              "max_pool1d",
                                              "max_pool2d",
                                              "max_pool3d",
                                              "avg_pool1d",
                                              "avg_pool2d",
                                              "avg_pool3d",
                                              "upsample_nearest2d",
                                              "adaptive_avg_pool1d",
                                              "adaptive_avg_pool2d",
                                              "adaptive_avg_pool3d",
                                              "upsample_bilinear2d"};
  return is_one_of(node, names);
}

bool works_on_channels_last(const Node* node) { return is_one_of(node, {"linear", "layer_norm"}); }

// Operators whose result is arranged as their first input is.
bool keeps_arrangement(const Node* node) {
  static const std::set<std::string> names = {
      "relu", "relu6",    "leaky_relu", "prelu",   "gelu",     "silu",          "mish",  "elu",       "selu",
      "celu", "softplus", "tanh",       "sigmoid", "hardtanh", "hardswish",     "clamp", "clamp_min", "add",
      "sub",  "mul",      "div",        "dropout", "cat",      "ListConstruct", "layer"};
  return is_one_of(node, names);
}

std::string arrangement_behind(const Value* value) {
  while (!value->node()->inputs().empty()) {
    const Node* node = value->node();
    if (works_on_channels_first(node)) return "channels_first";
    if (works_on_channels_last(node)) return "channels_last";
    if (node->kind() == gate_symbol) {
      value = node->input(1);
    } else if (keeps_arrangement(node)) {
      value = node->input(0);
    } else {
      break;
    }
  }
  return "";
}

}  // namespace

std::map<std::string, std::string> arrangements(const LayeredGraph& graph) {
  std::map<std::string, std::string> found;
  for (const Node* node : graph->nodes()) {
    if (node->kind() == layer_symbol) found[layer_name(node)] = arrangement_behind(node->output());
  }
  return found;
}

}  // namespace attune
