#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>
#include <limits>

#include <attune/maps.h>
#include <attune/sdk/error.h>

namespace attune {
namespace {

// The union over all requests, for `targets` maps of each.
Needs all_needs(const Model& model, const std::vector<MapRequest>& requests, int64_t targets) {
  Needs all;
  bool counted = true;
  for (const MapRequest& request : requests) {
    const Needs needs = request.method->needs(model);
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
  AttentionMap map = request.method->attend(pass, target);
  const at::Tensor& values = map.values;
  if (!values.defined() || values.dim() < 3 || values.dim() > 5 || values.numel() == 0 ||
      values.size(0) != pass.input().size(0)) {
    throw Error(Fault::run, "method '" + request.name + "' gave no map [N,C,S..] for its batch");
  }
  if (!at::isfinite(map.values.detach()).all().item<bool>()) {
    throw Error(Fault::run, "map '" + request.name + "' is not finite (NaN or infinity)");
  }
  if (!pass.wants_graph()) map.values = map.values.detach();
  return map;
}

}  // namespace

MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& choices, bool graph) {
  int64_t most = 0;  // a topK of more classes than there are gives fewer
  for (const TargetChoice& choice : choices) most += choice.count(std::numeric_limits<int64_t>::max());
  const auto pass = model.forward(input, all_needs(model, requests, most), graph);
  const at::AutoGradMode mode(true);  // scores lead to gradients; without `graph` nothing else is recorded
  if (!at::isfinite(pass->output().detach()).all().item<bool>()) {
    throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
  }
  MapSet set;
  set.scores = graph ? pass->output() : pass->output().detach();
  for (const TargetChoice& choice : choices) {
    for (Target& target : choice.resolve(pass->output())) set.targets.push_back(std::move(target));
  }
  for (const MapRequest& request : requests) {
    set.maps.emplace_back();
    for (const Target& target : set.targets) set.maps.back().push_back(attend(request, *pass, target));
  }
  return set;
}

}  // namespace attune
