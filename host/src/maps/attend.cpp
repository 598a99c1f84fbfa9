#include "maps/attend.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>

#include <attune/sdk/error.h>

namespace attune {
namespace {

// A pass that records a graph, as a map without one sees it: its gradients are not recorded in turn.
class WithoutGraph final : public Pass {
 public:
  explicit WithoutGraph(Pass& pass) : pass_(pass) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor activation(const std::string& layer) override { return pass_.activation(layer); }
  bool wants_graph() const override { return false; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    Rectifier rectifier) override {
    const at::AutoGradMode mode(false);
    return pass_.gradients(score, of, rectifier);
  }
  at::Tensor resume(const std::string& layer, const at::Tensor& activation) override {
    return pass_.resume(layer, activation);
  }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return pass_.generator(); }

 private:
  Pass& pass_;
};

void check_map(const MapRequest& request, const Pass& pass, const at::Tensor& values) {
  if (!values.defined() || values.dim() < 3 || values.dim() > 5 || values.numel() == 0 ||
      values.size(0) != pass.input().size(0)) {
    throw Error(Fault::run, "method '" + request.name + "' gave no map [N,C,S..] for its batch");
  }
  if (!at::isfinite(values.detach()).all().item<bool>()) {
    throw Error(Fault::run, "map '" + request.name + "' is not finite (NaN or infinity)");
  }
}

}  // namespace

Needs union_of_needs(const Model& model, const MapRequests& requests, int64_t targets) {
  Needs all;
  bool counted = true;
  for (const MapRequest* request : requests) {
    const Needs needs = request->method->needs(model);
    for (const std::string& layer : needs.layers) {
      if (std::find(all.layers.begin(), all.layers.end(), layer) == all.layers.end()) all.layers.push_back(layer);
    }
    all.layer_gradients = all.layer_gradients || needs.layer_gradients;
    all.input_gradient = all.input_gradient || needs.input_gradient;
    all.gradient_calls += needs.gradient_calls * targets;
    counted = counted && (needs.gradient_calls > 0 || !(needs.layer_gradients || needs.input_gradient));
  }
  if (!counted) all.gradient_calls = 0;
  return all;
}

AttentionMap attend(const MapRequest& request, Pass& pass, const Target& target) {
  WithoutGraph without(pass);
  const bool graph = pass.wants_graph() && request.graph;
  AttentionMap map = request.method->attend(graph ? pass : without, target);
  check_map(request, pass, map.values);
  if (!graph) map.values = map.values.detach();
  return map;
}

}  // namespace attune
