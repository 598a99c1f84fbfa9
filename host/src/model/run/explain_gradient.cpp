#include "model/run/explain_gradient.h"

#include <algorithm>
#include <map>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <unordered_set>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/graph/operators.h"

namespace attune {
namespace {

using Recorded = torch::autograd::Node;

// "derivative for aten::grid_sampler_2d_backward is not implemented" -> "grid_sampler_2d"; "" of other texts.
std::string operator_without_derivative(const std::string& text) {
  const size_t begin = text.find("derivative for "), end = text.find(" is not implemented");
  if (begin == std::string::npos || end == std::string::npos) return "";
  std::string name = text.substr(begin + 15, end - begin - 15);
  for (const char* part : {"aten::", "'", "'", "_backward"}) {
    const size_t at = name.find(part);
    if (at != std::string::npos) name.erase(at, std::string(part).size());
  }
  return name[0] == '_' ? name.substr(1) : name;
}

// The operator that a recorded node cannot differentiate, "" when it can. Most say so by their class; a few find out
// when they run.
std::string operator_without_derivative(Recorded* node) {
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
    if (const std::string name = operator_without_derivative(node); !name.empty()) return name;
    for (const auto& edge : node->next_edges()) visit(edge.function.get());
  }
  return "";
}

// Whether a node is that operator, or the one that calls it: grid_sampler for grid_sampler_2d.
bool is_operator(const torch::jit::Node* node, const std::string& name) {
  const std::string kind = node->kind().toUnqualString();
  return node->kind().is_aten() && kind.size() > 3 && name.compare(0, kind.size(), kind) == 0;
}

// The first layer that ends behind an operator: the one around it, or the next.
std::string layer_behind(const torch::jit::Block* block, const std::string& name, bool& found) {
  for (const torch::jit::Node* node : block->nodes()) {
    for (const torch::jit::Block* inner : node->blocks()) {
      if (const std::string layer = layer_behind(inner, name, found); !layer.empty()) return layer;
    }
    found = found || is_operator(node, name);
    if (found && node->kind() == layer_symbol) return layer_name(node);
  }
  return "";
}

std::string use_of(const std::string& name, const TorchScriptModel::State& state) {
  bool found = false;
  const std::string layer = layer_behind(state.programs.live()->graph()->block(), name, found);
  return (layer.empty() ? "" : "at layer '" + layer + "' or just before it, ") + "the model uses " + name;
}

}  // namespace

void explain_gradient_failure(const TorchScriptModel::State& state, const std::exception& error) {
  if (const std::string name = operator_without_derivative(error.what()); !name.empty()) {
    throw Error(Fault::input, use_of(name, state) +
                                  ", for which LibTorch has no gradient; choose a layer behind it, or export the model "
                                  "with another operator");
  }
  if (is_overwriting(error.what())) throw Error(Fault::input, reason_of(error));
  throw;
}

void check_second_derivatives(const TorchScriptModel::State& state, const std::vector<at::Tensor>& gradients) {
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
