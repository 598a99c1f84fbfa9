#include <algorithm>
#include <map>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <unordered_set>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/graph/operators.h"
#include "model/run/graph_model.h"
#include "model/run/trial.h"

namespace attune {
namespace {

// LibTorch has a type of its own for a full graphics card only.
bool is_out_of_memory(const std::exception& error, const std::string& reason) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         reason.find("can't allocate memory") != std::string::npos;
}

// Innermost modules finish first, so that the next name behind the last one reached is the module that failed.
std::string next_layer(const GraphModel::State& state, const std::vector<LayerVisit>& visits) {
  const auto names = all_layers(state.programs.live()->graph());
  if (visits.empty()) return names.empty() ? "" : names[0];
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (names[i] == visits.back().name) return names[i + 1];
  }
  return "";
}

// Of what an input obviously lacks: axes or channels.
std::string shape_hint(const std::vector<int64_t>& expected, c10::IntArrayRef given) {
  const bool fits = given.size() == expected.size() + 1 && given[1] == expected[0];
  return fits ? "" : "; it probably takes [N, " + shape_text(expected).substr(1);
}

using Recorded = torch::autograd::Node;

// The operator that a recorded node cannot differentiate, "" when it can. Most say so by their class; a few find out
// when they run.
std::string operator_behind(Recorded* node) {
  const auto* error = dynamic_cast<const torch::autograd::Error*>(node);
  if (error != nullptr) return operator_without_derivative(error->msg);
  static const std::map<std::string, std::string> late = {{"CdistBackwardBackward0", "cdist"},
                                                          {"PdistBackwardBackward0", "pdist"},
                                                          {"CudnnRnnBackwardBackward0", "cudnn_rnn"}};
  const auto found = late.find(node->name());
  return found == late.end() ? "" : found->second;
}

std::string first_without_derivative(const std::vector<at::Tensor>& gradients) {
  std::vector<Recorded*> waiting;
  std::unordered_set<Recorded*> seen;
  const auto visit = [&](Recorded* node) {
    if (node != nullptr && seen.insert(node).second) waiting.push_back(node);
  };
  for (const at::Tensor& gradient : gradients) {
    if (gradient.defined()) visit(gradient.grad_fn().get());
  }
  while (!waiting.empty()) {
    Recorded* node = waiting.back();
    waiting.pop_back();
    if (const std::string name = operator_behind(node); !name.empty()) return name;
    for (const auto& edge : node->next_edges()) visit(edge.function.get());
  }
  return "";
}

// Whether a node is that operator, or the one that calls it: grid_sampler for grid_sampler_2d.
bool is_operator(const Node* node, const std::string& name) {
  const std::string kind = node->kind().toUnqualString();
  return node->kind().is_aten() && kind.size() > 3 && name.compare(0, kind.size(), kind) == 0;
}

// The first layer that ends behind an operator: the one around it, or the next.
std::string layer_behind(const Block* block, const std::string& name, bool& found) {
  for (const Node* node : block->nodes()) {
    for (const Block* inner : node->blocks()) {
      if (const std::string layer = layer_behind(inner, name, found); !layer.empty()) return layer;
    }
    found = found || is_operator(node, name);
    if (found && node->kind() == layer_symbol) return layer_name(node);
  }
  return "";
}

std::string use_of(const std::string& name, const GraphModel::State& state) {
  bool found = false;
  const std::string layer = layer_behind(state.programs.live()->graph()->block(), name, found);
  return (layer.empty() ? "" : "at layer '" + layer + "' or just before it, ") + "the model uses " + name;
}

}  // namespace

void explain_failure(GraphModel& model, GraphModel::State& state, const at::Tensor& input,
                     const std::exception& error) {
  const std::string reason = reason_of(error);
  if (is_out_of_memory(error, reason)) {
    throw Error(Fault::run, "not enough memory for an input of shape " + shape_text(input.sizes().vec()) +
                                "; try fewer inputs at once (--batch) or smaller ones: " + reason);
  }
  const Trial trial = try_out(state, input);
  const auto& visits = trial.visits;
  std::string message = "the model fails on an input of shape " + shape_text(input.sizes().vec());
  if (!trial.failed) throw Error(Fault::run, message + " while gradients are recorded: " + reason);
  const std::string next = next_layer(state, visits);
  if (!next.empty()) message += " at layer '" + next + "'";
  if (!visits.empty()) message += " (reached '" + visits.back().name + "': " + shape_text(visits.back().shape) + ")";
  message += ": " + reason;
  if (visits.size() <= 1) message += shape_hint(model.likely_input(), input.sizes());
  throw Error(Fault::input, message);
}

void explain_gradient_failure(const GraphModel::State& state, const std::exception& error) {
  if (const std::string name = operator_without_derivative(error.what()); !name.empty()) {
    throw Error(Fault::input, use_of(name, state) +
                                  ", for which LibTorch has no gradient; choose a layer behind it, or export the model "
                                  "with another operator");
  }
  if (is_overwriting(error.what())) throw Error(Fault::input, reason_of(error));
  throw;
}

void check_second_derivatives(const GraphModel::State& state, const std::vector<at::Tensor>& gradients) {
  const std::string name = first_without_derivative(gradients);
  if (name.empty()) return;
  throw Error(Fault::input, use_of(name, state) +
                                ", whose gradient LibTorch cannot differentiate again, so that a loss of these maps "
                                "has none; choose a layer behind it, stop the gradient of these maps, or export the "
                                "model with another operator");
}

void check_reached(const std::vector<at::Tensor>& gradients) {
  if (std::any_of(gradients.begin(), gradients.end(), [](const auto& g) { return g.defined(); })) return;
  throw Error(Fault::input,
              "no gradient of the scores comes back through the model, as it switches gradients off on the way "
              "(torch.no_grad); choose a layer behind that, or export the model without it");
}

}  // namespace attune
