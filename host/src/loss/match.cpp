#include "loss/match.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <sstream>

#include <attune/sdk/error.h>

namespace attune {
namespace {

class MatchRun final : public MatchContext {
 public:
  MatchRun(const Match& match, Model& model, const std::vector<MapRequest>& requests, const at::Tensor& input,
           const Target& target, bool graph, LossTrace* trace, size_t target_index)
      : match_(match),
        model_(model),
        requests_(requests),
        input_(input),
        target_(target),
        graph_(graph),
        trace_(trace),
        target_index_(target_index) {}

  const at::Tensor& input() const override { return input_; }
  const std::vector<MapInfo>& maps() const override { return match_.infos; }

  AttentionMap recompute(size_t map, const at::Tensor& input) override {
    const auto& declared = match_.reruns.maps;
    if (std::find(declared.begin(), declared.end(), map) == declared.end()) {
      throw Error(Fault::run, "matcher '" + match_.spec.matcher.id + "' recomputes a map that it did not declare");
    }
    if (input.sizes() != input_.sizes()) {
      std::ostringstream text;
      text << "matcher '" << match_.spec.matcher.id << "' made an input " << input.sizes() << " of " << input_.sizes();
      throw Error(Fault::run, text.str());
    }
    const MapRequest& request = requests_[match_.maps[map]];
    AttentionMap again = attend(request, pass_on(input), target_);
    trace(request.name + " again", again.values, again.at_input_resolution, true);
    return again;
  }

  void saturated(const at::Tensor& rows) override {
    const at::Tensor found = rows.detach();
    matched_saturated = matched_saturated.defined() ? matched_saturated | found : found;
  }

  void show(const std::string& name, const at::Tensor& tensor) override { trace(name, tensor, true, false); }

  at::Tensor matched_saturated;

 private:
  // The maps that are recomputed on one tensor share one pass.
  Pass& pass_on(const at::Tensor& input) {
    if (pass_ && pass_input_.is_same(input)) return *pass_;
    MapRequests again;
    for (const size_t map : match_.reruns.maps) again.push_back(&requests_[match_.maps[map]]);
    const at::Tensor x = match_.spec.stop_gradient ? input.detach() : input;
    pass_ = model_.forward(x, union_of_needs(model_, again, 1), graph_);
    pass_input_ = input;
    return *pass_;
  }

  void trace(const std::string& name, const at::Tensor& values, bool at_input_resolution, bool is_map) {
    if (trace_ == nullptr) return;
    trace_->items.push_back({target_index_, match_.terms, name, values.detach(), at_input_resolution, is_map});
  }

  const Match& match_;
  Model& model_;
  const std::vector<MapRequest>& requests_;
  at::Tensor input_;
  const Target& target_;
  bool graph_;
  LossTrace* trace_;
  size_t target_index_;
  std::unique_ptr<Pass> pass_;
  at::Tensor pass_input_;
};

}  // namespace

Matched run_match(const Match& match, Model& model, const std::vector<MapRequest>& requests, const at::Tensor& input,
                  const Target& target, std::vector<AttentionMap> maps, bool graph, LossTrace* trace,
                  size_t target_index) {
  MatchRun run(match, model, requests, input, target, graph, trace, target_index);
  Matched matched;
  matched.pairs = match.matcher->match(run, maps);
  if (matched.pairs.empty()) {
    throw Error(Fault::run, "matcher '" + match.spec.matcher.id + "' gave no pair of maps");
  }
  matched.saturated = run.matched_saturated;
  return matched;
}

}  // namespace attune
