#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <algorithm>

#include <attune/consistency_loss.h>
#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "loss/parts.h"
#include "maps/attend.h"

namespace attune {
namespace {

// A term's agreement for one target, [N] each.
struct TermValues {
  at::Tensor values;
  at::Tensor degenerate;
  at::Tensor saturated;
};

TermValues evaluate(const Term& term, const Matched& matched) {
  TermValues result;
  for (const auto& [a, b] : matched.pairs) {
    const Agreement pair = compare(a, b, term.comparison, matched.constant_source);
    result.values = result.values.defined() ? result.values + pair.values : pair.values;
    result.degenerate = result.degenerate.defined() ? result.degenerate | pair.degenerate : pair.degenerate;
  }
  if (matched.pairs.size() > 1) result.values = result.values / static_cast<double>(matched.pairs.size());
  if (!at::isfinite(result.values.detach()).all().item<bool>()) {
    throw Error(Fault::run, "term '" + term.name + "' is not finite (NaN or infinity)");
  }
  result.saturated = matched.saturated.defined() ? matched.saturated : at::zeros_like(result.degenerate);
  return result;
}

void trace_maps(const MapSet& set, const std::vector<MapRequest>& requests, size_t target, LossTrace& trace) {
  for (size_t m = 0; m < requests.size(); ++m) {
    const AttentionMap& map = set.maps[m][target];
    trace.items.push_back(
        {target, "", requests[m].name, map.values.detach(), map.at_input_resolution, {}, {}, map.layers});
  }
}

std::vector<AttentionMap> maps_of(const MapSet& set, const Match& match, size_t target) {
  std::vector<AttentionMap> maps;
  for (const size_t map : match.maps) maps.push_back(set.maps[map][target]);
  return maps;
}

// [T,N]
at::Tensor stacked(const std::vector<TermValues>& rows, at::Tensor TermValues::*part) {
  std::vector<at::Tensor> parts;
  for (const TermValues& row : rows) parts.push_back(row.*part);
  return at::stack(parts);
}

void add_term(const Term& term, const std::vector<TermValues>& found, Reduction reduction, LossResult& result) {
  const at::Tensor values = stacked(found, &TermValues::values);
  const at::Tensor share = (reduction == Reduction::mean ? values.mean() : values.sum()) * -term.weight;
  result.loss = result.loss.defined() ? result.loss + share : share;
  result.terms.push_back({term.name, term.weight, values.detach(), stacked(found, &TermValues::degenerate),
                          stacked(found, &TermValues::saturated)});
}

}  // namespace

ConsistencyLoss::ConsistencyLoss(std::shared_ptr<Model> model, const Spec& spec, const Catalogue& catalogue,
                                 const Labels& labels)
    : parts_(std::make_unique<Parts>(std::move(model), spec, catalogue, labels)) {}
ConsistencyLoss::~ConsistencyLoss() = default;
ConsistencyLoss::ConsistencyLoss(ConsistencyLoss&&) noexcept = default;
ConsistencyLoss& ConsistencyLoss::operator=(ConsistencyLoss&&) noexcept = default;

const std::shared_ptr<Model>& ConsistencyLoss::model() const { return parts_->model; }

const std::vector<TargetChoice>& ConsistencyLoss::targets() const { return parts_->targets; }

const Spec& ConsistencyLoss::spec() const { return parts_->spec; }
const std::vector<MapRequest>& ConsistencyLoss::maps() const { return parts_->requests; }
void ConsistencyLoss::seed(uint64_t next) const { parts_->next_seed = next; }

LossResult ConsistencyLoss::operator()(const at::Tensor& input, LossTrace* trace) const {
  const Parts& parts = *parts_;
  const bool wanted = at::GradMode::is_enabled();
  if (wanted) parts.require_gradients();
  const bool graph = wanted && parts.any_graph();
  const uint64_t seed = parts.next_seed++;
  const MapSet set = compute_maps(*parts.model, input, parts.requests, parts.targets, graph, seed);

  const at::AutoGradMode mode(true);                               // maps of the cheaper passes are gradients too
  std::vector<std::vector<TermValues>> found(parts.terms.size());  // [term][target]
  for (size_t t = 0; t < set.targets.size(); ++t) {
    if (trace != nullptr) trace_maps(set, parts.requests, t, *trace);
    const MatchScene scene{*parts.model, parts.requests, input, set, t, graph, seed, trace};
    for (size_t m = 0; m < parts.matches.size(); ++m) {
      const Matched matched = run_match(parts.matches[m], scene, maps_of(set, parts.matches[m], t));
      for (size_t i = 0; i < parts.terms.size(); ++i) {
        if (parts.terms[i].match == m) found[i].push_back(evaluate(parts.terms[i], matched));
      }
    }
  }

  LossResult result;
  result.scores = set.scores.detach();
  result.targets = set.targets;
  for (size_t i = 0; i < parts.terms.size(); ++i) add_term(parts.terms[i], found[i], parts.spec.reduction, result);
  if (!at::isfinite(result.loss.detach()).item<bool>()) {
    throw Error(Fault::run, "the loss is not finite: its terms' weights are too large");
  }
  if (!wanted) result.loss = result.loss.detach();
  return result;
}

namespace {

using Kind = PassPlan::Kind;

class Planner {
 public:
  Planner(const ConsistencyLoss& loss, const Model& model, const std::vector<Descriptor>& descriptors, bool gradient)
      : requests_(loss.maps()), model_(model), descriptors_(descriptors), gradient_(gradient) {}

  // One forward pass and what each map asks of it.
  void add_pass(const std::string& on, const std::vector<size_t>& maps, const std::string& scores, bool per_target) {
    std::vector<std::string> names;
    if (!scores.empty()) names.push_back(scores);
    bool recorded = false;
    for (const size_t map : maps) {
      names.push_back(requests_[map].name);
      recorded = recorded || requests_[map].graph;
    }
    plan.push_back({Kind::forward, on, listed(names), 1, true, recorded && gradient_, per_target});
    for (const size_t map : maps) add_map(on, map, per_target);
  }

  std::vector<PassPlan> plan;

 private:
  // One run of a method serves all targets that it is given: here all that the spec explains, on an input that was made
  // for a target that one. Each has a gradient of its own, but a map with a target of its own only that.
  void add_map(const std::string& on, size_t map, bool per_target) {
    const Descriptor& method = descriptors_[map];
    const Needs needs = needs_of(requests_[map], model_);
    const bool counted = needs.forward_passes > 0 || needs.backward_passes > 0;
    const double forwards = counted ? needs.forward_passes : method.forward_passes;
    const double backwards = counted ? needs.backward_passes : method.backward_passes;
    const bool recorded = requests_[map].graph && gradient_;
    const std::string& name = requests_[map].name;
    const bool each = per_target || !requests_[map].target;
    if (forwards > 1) plan.push_back({Kind::forward, on, name, forwards - 1, true, recorded, per_target});
    if (backwards > 0) {
      plan.push_back({Kind::backward, on, name, backwards, method.at_input_resolution, recorded, each});
    }
  }

  const std::vector<MapRequest>& requests_;
  const Model& model_;
  const std::vector<Descriptor>& descriptors_;
  bool gradient_;
};

}  // namespace

std::vector<PassPlan> ConsistencyLoss::plan(bool gradient) const {
  const Parts& parts = *parts_;
  Planner planner(*this, *parts.model, parts.descriptors, gradient && parts.any_graph());
  std::vector<size_t> all;
  for (size_t map = 0; map < parts.requests.size(); ++map) all.push_back(map);
  planner.add_pass("input", all, "scores", false);
  for (const Match& match : parts.matches) {
    if (match.reruns.maps.empty()) continue;
    std::vector<size_t> maps;
    for (const size_t map : match.reruns.maps) maps.push_back(match.maps[map]);
    planner.add_pass("input made by " + match.spec.matcher.id + " (" + match.terms + ")", maps, "", true);
  }
  if (gradient && parts.any_graph()) {
    planner.plan.push_back({Kind::loss_backward, "all that is recorded", "gradient", 1, true, false, false});
  }
  return std::move(planner.plan);
}

}  // namespace attune
