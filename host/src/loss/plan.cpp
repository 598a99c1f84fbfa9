// What a loss costs, before it is run.

#include <attune/consistency_loss.h>

#include "loss/parts.h"
#include "maps/attend.h"

namespace attune {
namespace {

using Kind = PassPlan::Kind;

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

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
  // for a target that one. Each has a gradient of its own.
  void add_map(const std::string& on, size_t map, bool per_target) {
    const Descriptor& method = descriptors_[map];
    const Needs needs = needs_of(requests_[map], model_);
    const bool counted = needs.forward_passes > 0 || needs.backward_passes > 0;
    const double forwards = counted ? needs.forward_passes : method.forward_passes;
    const double backwards = counted ? needs.backward_passes : method.backward_passes;
    const bool recorded = requests_[map].graph && gradient_;
    const std::string& name = requests_[map].name;
    if (forwards > 1) plan.push_back({Kind::forward, on, name, forwards - 1, true, recorded, per_target});
    if (backwards > 0) {
      plan.push_back({Kind::backward, on, name, backwards, method.at_input_resolution, recorded, true});
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
