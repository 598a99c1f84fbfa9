#include <map>
#include <set>
#include <torch/csrc/jit/ir/constants.h>

#include "model/layers/layers.h"

namespace attune {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

bool is_true(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isBool() && constant->toBool();
}

// Batch norm without running statistics always takes the batch's.
bool has_statistics(const Value* mean) {
  const auto constant = torch::jit::toIValue(mean);
  return !constant || !constant->isNone();
}

bool drops(const Node* node) {
  const auto share = torch::jit::toIValue(node->input(1));
  return is_true(node->input(2)) && !(share && share->isDouble() && share->toDouble() == 0);
}

struct Chance {
  std::map<std::string, int> in_training;  // layers by kind
  std::set<std::string> drawing;           // operators
};

void find_chance(const Block* block, Chance& found) {
  static const std::set<std::string> dropouts = {"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout",
                                                 "native_dropout"};
  static const std::set<std::string> draws = {"rand",       "randn",        "randint",     "rand_like",
                                              "randn_like", "normal",       "bernoulli",   "uniform",
                                              "randperm",   "randint_like", "multinomial", "exponential"};
  for (const Node* node : block->nodes()) {
    for (const Block* inner : node->blocks()) find_chance(inner, found);
    std::string op = node->kind().toUnqualString();
    if (op.size() > 1 && op.back() == '_') op.pop_back();
    if (dropouts.count(op) != 0 && node->inputs().size() == 3 && drops(node)) ++found.in_training["dropout"];
    const bool is_norm = op == "batch_norm" && node->inputs().size() > 5;
    if (is_norm && is_true(node->input(5)) && has_statistics(node->input(3))) ++found.in_training["batch norm"];
    if (draws.count(op) != 0) found.drawing.insert(op);
  }
}

std::string text_of(const Chance& chance) {
  std::string text;
  for (const auto& [kind, count] : chance.in_training) {
    text += (text.empty() ? "" : " and ") + std::to_string(count) + " " + kind + (count == 1 ? " layer" : " layers");
  }
  return text;
}

}  // namespace

std::vector<std::string> remarks_on(const LayeredGraph& graph, OutputKind kind) {
  std::vector<std::string> remarks;
  Chance chance;
  find_chance(graph->block(), chance);
  if (!chance.in_training.empty()) {
    remarks.push_back("the model holds " + text_of(chance) +
                      " in training mode (was it traced before model.eval()?), so that two passes differ or depend on "
                      "the batch, and its maps do too; export it in evaluation mode");
  }
  if (!chance.drawing.empty()) {
    remarks.push_back("the model draws random numbers in every pass (" + *chance.drawing.begin() +
                      "), so that its scores and maps differ from one to the next");
  }
  if (kind != OutputKind::scores) {
    const std::string name = kind == OutputKind::sigmoid ? "sigmoid" : "softmax";
    remarks.push_back("the model ends in a " + name +
                      ": its probabilities are shown as they are, and the maps explain them; the scores before the " +
                      name + " are better targets, as gradients vanish where it is certain");
  }
  return remarks;
}

}  // namespace attune
