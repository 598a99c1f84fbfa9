#include "maps/attend.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "base/random.h"

namespace attune {
namespace {

// A pass as one map sees it: with random draws of its own, and, where the map has no graph but the pass records one,
// without recording its gradients in turn.
class MapPass final : public Pass {
 public:
  MapPass(Pass& pass, bool graph, uint64_t seed)
      : pass_(pass), graph_(graph), generator_(at::detail::createCPUGenerator(seed)) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor activation(const std::string& layer) override { return pass_.activation(layer); }
  bool wants_graph() const override { return graph_; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    Rectifier rectifier) override {
    const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
    return pass_.gradients(score, of, rectifier);
  }
  at::Tensor resume(const std::string& layer, const at::Tensor& activation) override {
    return pass_.resume(layer, activation);
  }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return generator_; }

 private:
  Pass& pass_;
  bool graph_;
  at::Generator generator_;
};

std::string method_of(const MapRequest& request) { return "the method of map '" + request.name + "'"; }

void check_map(const MapRequest& request, const Pass& pass, const at::Tensor& values) {
  if (!values.defined() || values.dim() < 3 || values.dim() > 5 || values.numel() == 0 ||
      values.size(0) != pass.input().size(0)) {
    throw Error(Fault::run, method_of(request) + " gave no map [N,C,S..] for its batch");
  }
  const auto finite = [&] { return at::isfinite(values.detach()).all().item<bool>(); };
  if (!call_component(method_of(request), finite)) {
    throw Error(Fault::run, "map '" + request.name + "' is not finite (NaN or infinity)");
  }
}

}  // namespace

Needs needs_of(const MapRequest& request, const Model& model) {
  return call_component(method_of(request), [&] { return request.method->needs(model); });
}

Needs union_of_needs(const Model& model, const MapRequests& requests, int64_t targets) {
  Needs all;
  bool counted = true;
  for (const MapRequest* request : requests) {
    const Needs needs = needs_of(*request, model);
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

AttentionMap attend(const MapRequest& request, Pass& pass, const Target& target, uint64_t seed) {
  const bool graph = pass.wants_graph() && request.graph;
  MapPass view(pass, graph, derive_seed({seed, number_of(request.name)}));
  AttentionMap map = call_component(method_of(request), [&] { return request.method->attend(view, target); });
  check_map(request, pass, map.values);
  if (!graph) map.values = map.values.detach();
  return map;
}

}  // namespace attune
