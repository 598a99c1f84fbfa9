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
  MatchRun(const Match& match, const MatchScene& scene) : match_(match), scene_(scene) {}

  const at::Tensor& input() const override { return scene_.input; }
  const std::vector<MapInfo>& maps() const override { return match_.infos; }

  AttentionMap recompute(size_t map, const at::Tensor& input) override {
    const auto& declared = match_.reruns.maps;
    if (std::find(declared.begin(), declared.end(), map) == declared.end()) {
      throw Error(Fault::run, "matcher '" + match_.spec.matcher.id + "' recomputes a map that it did not declare");
    }
    if (input.sizes() != scene_.input.sizes()) {
      std::ostringstream text;
      text << "matcher '" << match_.spec.matcher.id << "' made an input " << input.sizes() << " of "
           << scene_.input.sizes();
      throw Error(Fault::run, text.str());
    }
    const MapRequest& request = scene_.requests[match_.maps[map]];
    AttentionMap again = attend(request, pass_on(input), scene_.target);
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
    for (const size_t map : match_.reruns.maps) again.push_back(&scene_.requests[match_.maps[map]]);
    const at::Tensor x = match_.spec.stop_gradient ? input.detach() : input;
    pass_ = scene_.model.forward(x, union_of_needs(scene_.model, again, 1), scene_.graph);
    pass_input_ = input;
    return *pass_;
  }

  void trace(const std::string& name, const at::Tensor& values, bool at_input_resolution, bool is_map) {
    if (scene_.trace == nullptr) return;
    scene_.trace->items.push_back(
        {scene_.target_index, match_.terms, name, values.detach(), at_input_resolution, is_map});
  }

  const Match& match_;
  const MatchScene& scene_;
  std::unique_ptr<Pass> pass_;
  at::Tensor pass_input_;
};

}  // namespace

Matched run_match(const Match& match, const MatchScene& scene, const std::vector<AttentionMap>& maps) {
  MatchRun run(match, scene);
  Matched matched;
  matched.pairs = match.matcher->match(run, maps);
  if (matched.pairs.empty()) {
    throw Error(Fault::run, "matcher '" + match.spec.matcher.id + "' gave no pair of maps");
  }
  matched.saturated = run.matched_saturated;
  return matched;
}

}  // namespace attune
