#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>
#include <limits>

#include <attune/maps.h>
#include <attune/sdk/error.h>
#include <attune/sdk/rules.h>

#include "base/random.h"
#include "maps/attend.h"
#include "model/failure.h"

namespace attune {

namespace {

// A pass as one map sees it: with random draws of its own, and, where the map has no graph but the pass records one,
// without recording its gradients in turn.
class MapPass final : public Pass, public BackwardRules, public PropagationRules {
 public:
  MapPass(Pass& pass, bool graph, uint64_t seed)
      : pass_(pass), graph_(graph), generator_(at::detail::createCPUGenerator(seed)) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor captured(const Capture& capture) override { return pass_.captured(capture); }
  std::string layer(const std::string& name) override { return pass_.layer(name); }
  at::Tensor bias(const Capture& capture) override { return pass_.bias(capture); }
  bool wants_graph() const override { return graph_; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    Rectifier rectifier) override {
    const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
    return pass_.gradients(score, of, rectifier);
  }
  at::Tensor resume(const Capture& capture, const at::Tensor& activation) override {
    return pass_.resume(capture, activation);
  }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return generator_; }
  void* extension(const char* id) override {
    void* found = pass_.extension(id);
    const std::string name = id;
    if (found == nullptr) return nullptr;
    if (name == BackwardRules::id) {
      rules_ = static_cast<BackwardRules*>(found);
      return static_cast<BackwardRules*>(this);
    }
    if (name != PropagationRules::id) return found;
    propagation_rules_ = static_cast<PropagationRules*>(found);
    return static_cast<PropagationRules*>(this);
  }
  std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules) override {
    const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
    return rules_->gradients(target, of, rules);
  }
  std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules,
                                    const LinearRule& convolutions, const LinearRule& linear) override {
    const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
    return propagation_rules_->gradients(target, of, rules, convolutions, linear);
  }

 private:
  Pass& pass_;
  BackwardRules* rules_ = nullptr;  // the pass's own, once asked for
  PropagationRules* propagation_rules_ = nullptr;
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
    for (const Capture& capture : needs.captures) {
      const auto known = std::find(all.captures.begin(), all.captures.end(), capture);
      if (known == all.captures.end()) all.captures.push_back(capture);
    }
    all.gradients = all.gradients || needs.gradients;
    all.input_gradient = all.input_gradient || needs.input_gradient;
    all.gradient_calls += needs.gradient_calls * targets;
    counted = counted && (needs.gradient_calls > 0 || !(needs.gradients || needs.input_gradient));
  }
  if (!counted) all.gradient_calls = 0;
  return all;
}

std::vector<AttentionMap> attend(const MapRequest& request, Pass& pass, const std::vector<Target>& targets,
                                 uint64_t seed) {
  const bool graph = pass.wants_graph() && request.graph;
  MapPass view(pass, graph, derive_seed({seed, number_of(request.name)}));
  auto maps = call_component(method_of(request), [&] { return request.method->attend(view, targets); });
  if (maps.size() != targets.size()) {
    throw Error(Fault::run, method_of(request) + " gave " + std::to_string(maps.size()) + " maps for " +
                                std::to_string(targets.size()) + " targets");
  }
  for (AttentionMap& map : maps) {
    check_map(request, pass, map.values);
    if (!graph) map.values = map.values.detach();
    for (std::string& layer : map.layers) layer = pass.layer(layer);
  }
  return maps;
}

AttentionMap attend(const MapRequest& request, Pass& pass, const Target& target, uint64_t seed) {
  return attend(request, pass, std::vector<Target>{target}, seed)[0];
}

MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& choices, bool graph, uint64_t seed) {
  MapRequests wanted;
  for (const MapRequest& request : requests) wanted.push_back(&request);
  int64_t most = 0;  // a topK of more classes than there are gives fewer
  for (const TargetChoice& choice : choices) most += choice.count(std::numeric_limits<int64_t>::max());
  const auto pass = model.forward(input, union_of_needs(model, wanted, most), graph);
  const at::AutoGradMode mode(true);  // scores lead to gradients; without `graph` nothing else is recorded
  if (!at::isfinite(pass->output().detach()).all().item<bool>()) {
    throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
  }
  MapSet set;
  set.scores = graph ? pass->output() : pass->output().detach();
  for (const TargetChoice& choice : choices) {
    for (Target& target : choice.resolve(pass->output(), &model)) set.targets.push_back(std::move(target));
  }
  for (const MapRequest& request : requests) set.maps.push_back(attend(request, *pass, set.targets, seed));
  return set;
}

}  // namespace attune
