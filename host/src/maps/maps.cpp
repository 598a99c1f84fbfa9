#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorIndexing.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>
#include <limits>

#include <attune/maps.h>
#include <attune/sdk/error.h>
#include <attune/sdk/rules.h>
#include <attune/sdk/tail.h>

#include "base/random.h"
#include "base/text.h"
#include "maps/attend.h"
#include "model/failure.h"

namespace attune {

namespace {

// A pass as one map sees it: with random draws of its own, and, where the map has no graph but the pass records one,
// without recording its gradients in turn.
class MapPass final : public Pass, public BackwardRules, public PropagationRules, public Tail {
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
    if (name == PropagationRules::id) {
      propagation_rules_ = static_cast<PropagationRules*>(found);
      return static_cast<PropagationRules*>(this);
    }
    if (name != Tail::id) return found;
    tail_ = static_cast<Tail*>(found);
    return static_cast<Tail*>(this);
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
  at::Tensor outputs(const Capture& capture, int64_t rows, const Make& make) override {
    const at::AutoGradMode mode(graph_ && at::GradMode::is_enabled());
    return tail_->outputs(capture, rows, make);
  }

 private:
  Pass& pass_;
  BackwardRules* rules_ = nullptr;  // the pass's own, once asked for
  PropagationRules* propagation_rules_ = nullptr;
  Tail* tail_ = nullptr;
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
  if (!request.method) return {};
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

namespace {

// [N,1,S1..Sd] of what was given for the samples.
AttentionMap annotated(const MapRequest& request, const Pass& pass, const Target& target,
                       const at::Tensor& annotation) {
  const std::string map = "map '" + request.name + "' is an annotation";
  const at::Tensor& input = pass.input();
  if (!annotation.defined()) {
    throw Error(Fault::usage, map + ", and the samples have none; boxes or masks come from `--boxes DIR` or a data " +
                                  "set that has boxes");
  }
  if (annotation.dim() != input.dim() || annotation.size(0) != input.size(0) ||
      annotation.sizes().slice(2) != input.sizes().slice(2)) {
    throw Error(Fault::run, map + " of " + shape_text(annotation.sizes().vec()) + " for an input " +
                                shape_text(input.sizes().vec()));
  }
  const auto whole = [&](const at::Tensor& values) {
    return AttentionMap{values.detach().to(input.device(), input.scalar_type()), true};
  };
  if (annotation.size(1) == 1 || request.annotated == Annotated::all) {
    return whole(annotation.size(1) == 1 ? annotation : annotation.amax(1, /*keepdim=*/true));
  }
  const auto classes = target.classes();
  if (!classes) {
    throw Error(Fault::usage,
                map + " of the target's class, but the target is none; \"of\": \"all\" takes every class");
  }
  if (classes->max().item<int64_t>() >= annotation.size(1)) {
    throw Error(Fault::usage, map + " of " + std::to_string(annotation.size(1)) + " classes, and the model has more");
  }
  const at::Tensor row = at::arange(input.size(0), at::TensorOptions().dtype(at::kLong).device(annotation.device()));
  return whole(annotation.index({row, classes->to(annotation.device())}).unsqueeze(1));
}

constexpr int64_t any_classes = std::numeric_limits<int64_t>::max();

Target own_target(const MapRequest& request, const at::Tensor& output, const Model* model) {
  const std::vector<Target> targets = request.target->resolve(output, model);
  const int64_t wanted = request.target->count(any_classes);
  if (static_cast<int64_t>(targets.size()) == wanted) return targets.back();
  throw Error(Fault::usage, "map '" + request.name + "' explains the class of rank " + std::to_string(wanted) +
                                ", but the model has " + std::to_string(targets.size()) + " classes");
}

// One pass of each model on the same input.
class Passes {
 public:
  Passes(Model& model, std::unique_ptr<Pass> pass) { passes_.emplace_back(&model, std::move(pass)); }

  // Of other models: with what the maps of `requests` ask of it, without a graph.
  void add(const std::shared_ptr<Model>& other, const std::vector<MapRequest>& requests, int64_t targets) {
    if (!other || has(*other)) return;
    MapRequests wanted;
    for (const MapRequest& request : requests) {
      if (request.model == other) wanted.push_back(&request);
    }
    const at::Tensor& input = own().input();
    passes_.emplace_back(other.get(), other->forward(input.detach(), union_of_needs(*other, wanted, targets), false));
    if (at::isfinite(passes_.back().second->output().detach()).all().item<bool>()) return;
    throw Error(Fault::run, "the scores of another model are not finite (NaN or infinity)");
  }

  Pass& own() { return *passes_[0].second; }
  Pass& of(const std::shared_ptr<Model>& other) {
    const auto is_it = [&](const auto& pass) { return pass.first == other.get(); };
    return other ? *std::find_if(passes_.begin(), passes_.end(), is_it)->second : own();
  }

 private:
  bool has(const Model& model) const {
    return std::any_of(passes_.begin(), passes_.end(), [&](const auto& pass) { return pass.first == &model; });
  }

  std::vector<std::pair<Model*, std::unique_ptr<Pass>>> passes_;
};

// What the map explains: the targets, or others that were chosen for it.
std::vector<Target> explained_by(const MapRequest& request, Passes& passes, const std::vector<Target>& targets,
                                 const std::vector<TargetChoice>& choices, Model& model) {
  if (!request.target && !request.chosen_by) return targets;
  const Model* chooser = request.chosen_by ? request.chosen_by.get() : &model;
  const at::Tensor& answer = passes.of(request.chosen_by).output();
  if (request.target) return std::vector<Target>(targets.size(), own_target(request, answer, chooser));
  std::vector<Target> chosen;
  for (const TargetChoice& choice : choices) {
    for (Target& target : choice.resolve(answer, chooser)) chosen.push_back(std::move(target));
  }
  if (chosen.size() == targets.size()) return chosen;
  throw Error(Fault::usage, "the model that chooses the class of map '" + request.name + "' has " +
                                std::to_string(chosen.size()) + " classes for " + std::to_string(targets.size()) +
                                " targets");
}

std::vector<AttentionMap> maps_of(const MapRequest& request, Pass& pass, const std::vector<Target>& explained,
                                  uint64_t seed, const at::Tensor& annotation) {
  if (!request.method) {
    std::vector<AttentionMap> maps;
    for (const Target& target : explained) maps.push_back(annotated(request, pass, target, annotation));
    return maps;
  }
  if (request.target) return std::vector<AttentionMap>(explained.size(), attend(request, pass, explained[0], seed));
  return attend(request, pass, explained, seed);
}

}  // namespace

MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& choices, bool graph, uint64_t seed, const at::Tensor& annotation) {
  MapRequests wanted;
  for (const MapRequest& request : requests) {
    if (!request.model) wanted.push_back(&request);
  }
  int64_t most = 0;  // a topK of more classes than there are gives fewer
  for (const TargetChoice& choice : choices) most += choice.count(any_classes);
  Passes passes(model, model.forward(input, union_of_needs(model, wanted, most), graph));
  for (const MapRequest& request : requests) {
    passes.add(request.model, requests, most);
    passes.add(request.chosen_by, requests, most);
  }
  const at::AutoGradMode mode(true);  // scores lead to gradients; without `graph` nothing else is recorded
  const at::Tensor& output = passes.own().output();
  if (!at::isfinite(output.detach()).all().item<bool>()) {
    throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
  }
  MapSet set;
  set.scores = graph ? output : output.detach();
  for (const TargetChoice& choice : choices) {
    for (Target& target : choice.resolve(output, &model)) set.targets.push_back(std::move(target));
  }
  for (const MapRequest& request : requests) {
    std::vector<Target> explained = explained_by(request, passes, set.targets, choices, model);
    Pass& pass = passes.of(request.model);
    std::vector<AttentionMap> maps;
    set.refusals.emplace_back();
    try {
      maps = maps_of(request, pass, explained, seed, annotation);
    } catch (const Error& error) {
      const bool is_refusal = error.fault() == Fault::input || error.fault() == Fault::run;
      if (!request.optional || !is_refusal) throw;
      set.refusals.back() = error.what();
    }
    set.explained.push_back(std::move(explained));
    set.maps.push_back(std::move(maps));
  }
  return set;
}

}  // namespace attune
