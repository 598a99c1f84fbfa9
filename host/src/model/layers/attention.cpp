#include <algorithm>
#include <set>
#include <torch/csrc/jit/ir/constants.h>

#include <attune/sdk/error.h>

#include "model/graph/compat.h"
#include "model/graph/operators.h"
#include "model/layers/layers.h"
#include "model/layers/layout.h"

namespace attune {
namespace {

using torch::jit::Node;
using torch::jit::Value;

// Of the last axis, as far as a rank of 4 tells.
bool is_softmax_over_positions(const Node* node) {
  if (node->kind() != c10::aten::softmax && node->kind() != c10::aten::_softmax) return false;
  const auto axis = torch::jit::constant_as<int64_t>(node->input(1));
  return axis && (*axis == -1 || *axis == 3);
}

bool hands_shares_on(const torch::jit::Use& use) {
  const Node* node = use.user;
  // A softmax that is safe for rows without a position takes zeros there.
  if (node->kind() == c10::aten::where) return use.offset > 0;
  static const std::set<std::string> known = {"attune::layer", "attune::rule", "aten::dropout",   "aten::to",
                                              "aten::type_as", "aten::view",   "aten::reshape",   "aten::mul",
                                              "aten::expand",  "aten::clone",  "aten::unsqueeze", "aten::contiguous"};
  return use.offset == 0 && known.count(node->kind().toQualString()) != 0;
}

// The product that mixes values by `shares`, which are its first factor; nullptr where there is none.
Node* product_by(const Value* shares) {
  static const std::set<std::string> products = {"aten::matmul", "aten::bmm"};
  for (const auto& use : shares->uses()) {
    Node* user = use.user;
    if (use.offset == 0 && products.count(user->kind().toQualString()) != 0) return user;
    const bool is_factors = user->kind() == c10::prim::ListConstruct && user->output()->uses().size() == 1;
    if (use.offset == 0 && is_factors && user->output()->uses()[0].user->kind() == c10::aten::einsum) return user;
    if (!hands_shares_on(use)) continue;
    Node* found = product_by(user->output());
    if (found != nullptr) return found;
  }
  return nullptr;
}

// The innermost module around `module`, itself included, that is a layer without a block yet; "" where there is none.
// The second call of one module is the layer "path@2".
std::string free_layer(std::string module, const std::set<std::string>& layers,
                       const std::map<std::string, Node*>& blocks) {
  while (!module.empty() && layers.count(module) == 0) {
    const size_t dot = module.rfind('.');
    module = dot == std::string::npos ? "" : module.substr(0, dot);
  }
  std::string layer = module;
  for (int call = 2; blocks.count(layer) != 0; ++call) layer = module + "@" + std::to_string(call);
  return layers.count(layer) != 0 ? layer : "";
}

}  // namespace

Node* mixing_product(const Node* node) {
  return is_softmax_over_positions(node) ? product_by(node->output()) : nullptr;
}

std::map<std::string, Node*> attention_blocks(const LayeredGraph& graph) {
  const auto names = top_level_layers(graph);
  const std::set<std::string> layers(names.begin(), names.end());
  std::map<std::string, Node*> blocks;
  for (Node* node : graph->nodes()) {
    Node* mixing = is_fused_attention(node) ? node : nullptr;
    if (mixing == nullptr) mixing = mixing_product(node);
    if (mixing == nullptr) continue;
    std::string layer = free_layer(scope_of(mixing), layers, blocks);
    if (layer.empty()) layer = free_layer(scope_of(node), layers, blocks);  // a softmax layer of its own
    if (!layer.empty()) blocks[layer] = node;
  }
  return blocks;
}

at::Tensor probabilities_by_head(const at::Tensor& given, const at::Tensor& input, const std::string& layer) {
  const int64_t rows = input.size(0);
  if (given.dim() == 4 && given.size(0) == rows) return given;
  if (given.dim() == 3 && given.size(0) % rows == 0) {
    return given.view({rows, given.size(0) / rows, given.size(1), given.size(2)});
  }
  throw Error(Fault::input, "layer '" + layer + "' gives attention " + shape_text(given.sizes().vec()) +
                                " for an input of " + shape_text(input.sizes().vec()) +
                                ", not [N,H,Q,K]: parts of the input (windows) attend each for itself");
}

std::string no_attention(const std::string& layer, const std::vector<std::string>& all,
                         const std::vector<std::string>& blocks) {
  const std::string what = "layer '" + layer + "' is no attention block: ";
  if (blocks.empty()) return what + "the model has none (softmax between positions)";
  std::string choice = nearest(layer, blocks);
  if (choice.empty()) {  // then the one that the model finishes next, or its last
    const auto position = [&](const std::string& name) { return std::find(all.begin(), all.end(), name); };
    const auto later = [&](const std::string& block) { return position(block) > position(layer); };
    const auto next = std::find_if(blocks.begin(), blocks.end(), later);
    choice = next == blocks.end() ? blocks.back() : *next;
  }
  return what + "it has no softmax between positions; the nearest that is one is '" + choice + "'";
}

}  // namespace attune
