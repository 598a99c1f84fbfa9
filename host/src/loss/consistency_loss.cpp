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

// What the term's mean is over: pairs of maps, maps that are measured, or answers that are scored.
std::vector<Agreement> parts_of(const Term& term, const Matched& matched, const MapSet& set, size_t target) {
  std::vector<Agreement> parts;
  if (term.measure) {
    for (const size_t map : term.maps) {
      parts.push_back(measure(set.maps[map][target], term.comparison.normalise, *term.measure));
    }
  } else if (term.score) {
    for (const at::Tensor& answer : matched.answers) {
      const at::Tensor values = scored(answer, set.scores, set.targets[target], *term.score);
      const at::Tensor none = at::zeros_like(values, at::TensorOptions().dtype(at::kBool));
      const at::Tensor& without = matched.constant_source.defined() ? matched.constant_source : none;
      parts.push_back({values.masked_fill(without, 0), without});
    }
  } else {
    for (const auto& [a, b] : matched.pairs) {
      parts.push_back(compare(a, b, term.comparison, matched.constant_source));
    }
  }
  return parts;
}

TermValues evaluate(const Term& term, const Matched& matched, const MapSet& set, size_t target) {
  TermValues result;
  const std::vector<Agreement> parts = parts_of(term, matched, set, target);
  for (const Agreement& part : parts) {
    result.values = result.values.defined() ? result.values + part.values : part.values;
    result.degenerate = result.degenerate.defined() ? result.degenerate | part.degenerate : part.degenerate;
  }
  if (parts.size() > 1) result.values = result.values / static_cast<double>(parts.size());
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
                                 const Labels& labels, const OtherModels& others)
    : parts_(std::make_unique<Parts>(std::move(model), spec, catalogue, labels, others)) {}
ConsistencyLoss::~ConsistencyLoss() = default;
ConsistencyLoss::ConsistencyLoss(ConsistencyLoss&&) noexcept = default;
ConsistencyLoss& ConsistencyLoss::operator=(ConsistencyLoss&&) noexcept = default;

const std::shared_ptr<Model>& ConsistencyLoss::model() const { return parts_->model; }

const std::vector<TargetChoice>& ConsistencyLoss::targets() const { return parts_->targets; }

const Spec& ConsistencyLoss::spec() const { return parts_->spec; }
const std::vector<MapRequest>& ConsistencyLoss::maps() const { return parts_->requests; }
void ConsistencyLoss::seed(uint64_t next) const { parts_->next_seed = next; }

bool ConsistencyLoss::needs_annotation() const {
  return std::any_of(parts_->requests.begin(), parts_->requests.end(),
                     [](const MapRequest& request) { return !request.method; });
}

LossResult ConsistencyLoss::operator()(const at::Tensor& input, LossTrace* trace, const at::Tensor& annotation) const {
  const Parts& parts = *parts_;
  const bool wanted = at::GradMode::is_enabled();
  if (wanted) parts.require_gradients();
  const bool graph = wanted && parts.any_graph();
  const uint64_t seed = parts.next_seed++;
  const MapSet set = compute_maps(*parts.model, input, parts.requests, parts.targets, graph, seed, annotation);

  const at::AutoGradMode mode(true);                               // maps of the cheaper passes are gradients too
  std::vector<std::vector<TermValues>> found(parts.terms.size());  // [term][target]
  for (size_t t = 0; t < set.targets.size(); ++t) {
    if (trace != nullptr) trace_maps(set, parts.requests, t, *trace);
    const MatchScene scene{*parts.model, parts.requests, input, set, t, graph, seed, trace};
    std::vector<Matched> matched;
    for (const Match& match : parts.matches) matched.push_back(run_match(match, scene, maps_of(set, match, t)));
    for (size_t i = 0; i < parts.terms.size(); ++i) {
      const Term& term = parts.terms[i];
      found[i].push_back(evaluate(term, term.match ? matched[*term.match] : Matched(), set, t));
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
      : spec_(loss.spec()), requests_(loss.maps()), model_(model), descriptors_(descriptors), gradient_(gradient) {}

  void add_input() {
    std::vector<size_t> all;
    for (size_t map = 0; map < requests_.size(); ++map) all.push_back(map);
    add({"input", 1, all, /*scores=*/true, /*scored=*/false, /*per_target=*/false});
  }

  void add_match(const Match& match) {
    std::vector<size_t> maps;
    for (const size_t map : match.reruns.maps) maps.push_back(match.maps[map]);
    if (maps.empty() && !match.scores) return;
    const int64_t inputs = match.reruns.inputs;
    const std::string on = inputs == 1 ? "input" : std::to_string(inputs) + " inputs";
    add({on + " made by " + match.spec.matcher.id + " (" + match.terms + ")", static_cast<double>(inputs), maps,
         match.scores, match.scores, /*per_target=*/true});
  }

  std::vector<PassPlan> plan;

 private:
  struct Inputs {
    std::string on;
    double count;
    std::vector<size_t> maps;  // that are computed on each
    bool scores;               // the model's answer is wanted
    bool scored;               // and differentiated
    bool per_target;
  };

  const MapSpec& spec_of(size_t map) const {
    return *std::find_if(spec_.maps.begin(), spec_.maps.end(),
                         [&](const MapSpec& one) { return one.name == requests_[map].name; });
  }

  // "" is the loss's own.
  std::vector<std::string> models_of(const Inputs& inputs) const {
    std::vector<std::string> models{""};
    for (const ModelSpec& other : spec_.models) {
      const bool is_asked = std::any_of(inputs.maps.begin(), inputs.maps.end(), [&](size_t map) {
        return spec_of(map).model == other.name || chooses(other.name, inputs);
      });
      if (is_asked) models.push_back(other.name);
    }
    return models;
  }

  // Whether maps of these inputs have their class from that model's answer: it is asked once, on the input itself.
  bool chooses(const std::string& model, const Inputs& inputs) const {
    return !inputs.per_target && std::any_of(inputs.maps.begin(), inputs.maps.end(),
                                             [&](size_t map) { return spec_of(map).chosen_by == model; });
  }

  // A forward pass of each model on each of the inputs, and what each map asks of it.
  void add(const Inputs& inputs) {
    for (const std::string& model : models_of(inputs)) {
      std::vector<std::string> names;
      if (model.empty() ? inputs.scores : chooses(model, inputs)) names.push_back("scores");
      bool recorded = model.empty() && inputs.scored;
      for (const size_t map : inputs.maps) {
        if (!requests_[map].method || spec_of(map).model != model) continue;
        names.push_back(requests_[map].name);
        recorded = recorded || requests_[map].graph;
      }
      if (names.empty()) continue;
      const std::string gives = listed(names) + (model.empty() ? "" : " of " + model);
      plan.push_back({Kind::forward, inputs.on, gives, inputs.count, true, recorded && gradient_, inputs.per_target});
    }
    for (const size_t map : inputs.maps) add_map(inputs, map);
  }

  // One run of a method serves all targets that it is given: here all that the spec explains, on an input that was made
  // for a target that one. Each has a gradient of its own, but a map with a target of its own only that.
  void add_map(const Inputs& inputs, size_t map) {
    if (!requests_[map].method) return;
    const Descriptor& method = descriptors_[map];
    const Needs needs = needs_of(requests_[map], requests_[map].model ? *requests_[map].model : model_);
    const bool counted = needs.forward_passes > 0 || needs.backward_passes > 0;
    const double forwards = counted ? needs.forward_passes : method.forward_passes;
    const double backwards = counted ? needs.backward_passes : method.backward_passes;
    const bool recorded = requests_[map].graph && gradient_;
    const bool each = inputs.per_target || !requests_[map].target;
    const std::string& name = requests_[map].name;
    if (forwards > 1) {
      plan.push_back(
          {Kind::forward, inputs.on, name, inputs.count * (forwards - 1), true, recorded, inputs.per_target});
    }
    if (backwards > 0) {
      plan.push_back(
          {Kind::backward, inputs.on, name, inputs.count * backwards, method.at_input_resolution, recorded, each});
    }
  }

  const Spec& spec_;
  const std::vector<MapRequest>& requests_;
  const Model& model_;
  const std::vector<Descriptor>& descriptors_;
  bool gradient_;
};

}  // namespace

std::vector<PassPlan> ConsistencyLoss::plan(bool gradient) const {
  const Parts& parts = *parts_;
  Planner planner(*this, *parts.model, parts.descriptors, gradient && parts.any_graph());
  planner.add_input();
  for (const Match& match : parts.matches) planner.add_match(match);
  if (gradient && parts.any_graph()) {
    planner.plan.push_back({Kind::loss_backward, "all that is recorded", "gradient", 1, true, false, false});
  }
  return std::move(planner.plan);
}

}  // namespace attune
