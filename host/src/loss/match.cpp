#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <map>
#include <memory>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "base/text.h"
#include "loss/parts.h"
#include "model/failure.h"

namespace attune {
namespace {

std::string shape_of(const at::Tensor& tensor) { return shape_text(tensor.sizes().vec()); }

class MatchRun final : public MatchContext {
 public:
  MatchRun(const Match& match, const MatchScene& scene) : match_(match), scene_(scene) {}

  const at::Tensor& input() const override { return scene_.input; }
  const std::vector<MapInfo>& maps() const override { return match_.infos; }

  AttentionMap recompute(size_t map, const at::Tensor& input) override {
    const auto& declared = match_.reruns.maps;
    if (std::find(declared.begin(), declared.end(), map) == declared.end()) {
      throw Error(Fault::run, "it recomputes a map that it did not declare");
    }
    check_input(input);
    const MapRequest& request = scene_.requests[match_.maps[map]];
    const Target& target = scene_.set.explained[match_.maps[map]][scene_.target_index];
    AttentionMap again = attend(request, pass_on(input, request.model), target, scene_.seed);
    trace(request.name + " again", again.values, again.at_input_resolution, {},
          input.is_same(scene_.input) ? at::Tensor() : input.detach(), again.layers);
    return again;
  }

  void made(const at::Tensor& input) override {
    check_input(input);
    if (match_.scores) answers_.push_back(pass_on(input, nullptr).output());
  }
  const std::vector<at::Tensor>& answers() const { return answers_; }

  at::Generator generator() override { return generator_; }

  void saturated(const at::Tensor& rows) override {
    if (rows.dim() != 1 || rows.size(0) != scene_.input.size(0) || rows.scalar_type() != at::kBool) {
      throw Error(Fault::run, "it reports saturated samples by " + rows.toString() + shape_of(rows) +
                                  ", not by one boolean a sample");
    }
    saturated_ = saturated_.defined() ? saturated_ | rows.detach() : rows.detach();
  }
  const at::Tensor& saturated_rows() const { return saturated_; }

  void show(const std::string& name, Shown what, const at::Tensor& tensor) override {
    if (scene_.trace == nullptr) return;
    if (!tensor.defined() || tensor.dim() < 3 || tensor.numel() == 0 || tensor.size(0) != scene_.input.size(0)) {
      throw Error(Fault::run, "it shows " + (tensor.defined() ? "a tensor " + shape_of(tensor) : "no tensor") +
                                  " as '" + name + "', not one [N,C,S1..Sd] of " +
                                  std::to_string(scene_.input.size(0)) + " samples");
    }
    trace(name, tensor, true, what, {}, {});
  }

 private:
  void check_input(const at::Tensor& input) const {
    if (input.defined() && input.dim() == scene_.input.dim() &&
        input.sizes().slice(0, 2) == scene_.input.sizes().slice(0, 2)) {
      return;
    }
    throw Error(Fault::run, "it made an input " + (input.defined() ? shape_of(input) : "without values") + " of " +
                                shape_of(scene_.input));
  }

  // The maps that one model makes of one tensor, and its answer, share one pass.
  Pass& pass_on(const at::Tensor& input, const std::shared_ptr<Model>& other) {
    if (!pass_input_.is_same(input)) passes_.clear();
    pass_input_ = input;
    std::unique_ptr<Pass>& pass = passes_[other.get()];
    if (pass) return *pass;
    MapRequests again;
    bool graph = !other && match_.scores;
    for (const size_t map : match_.reruns.maps) {
      const MapRequest& request = scene_.requests[match_.maps[map]];
      if (request.model != other) continue;
      again.push_back(&request);
      graph = graph || request.graph;
    }
    Model& model = other ? *other : scene_.model;
    const at::Tensor x = match_.spec.stop_gradient ? input.detach() : input;
    pass = model.forward(x, union_of_needs(model, again, 1), scene_.graph && graph);
    return *pass;
  }

  void trace(const std::string& name, const at::Tensor& values, bool at_input_resolution, std::optional<Shown> shown,
             const at::Tensor& input, const std::vector<std::string>& layers) {
    if (scene_.trace == nullptr) return;
    scene_.trace->items.push_back(
        {scene_.target_index, match_.terms, name, values.detach(), at_input_resolution, shown, input, layers});
  }

  const Match& match_;
  const MatchScene& scene_;
  std::map<const Model*, std::unique_ptr<Pass>> passes_;  // by the model, null being the loss's own
  at::Tensor pass_input_;
  std::vector<at::Tensor> answers_;
  at::Generator generator_ =
      at::detail::createCPUGenerator(derive_seed({scene_.seed, number_of("match"), number_of(match_.terms)}));
  at::Tensor saturated_;
};

void check_batch(const Match& match, const AttentionMap& map, int64_t samples) {
  if (map.values.defined() && map.values.dim() >= 3 && map.values.size(0) == samples) return;
  const std::string given = map.values.defined() ? "a map of " + shape_of(map.values) : "no map";
  throw Error(Fault::run, name_of(match.spec) + " gave " + given + " for " + std::to_string(samples) + " samples");
}

// [N], where a map that inputs are made from is constant: a mask of it hides every place alike.
at::Tensor constant_source(const Match& match, const std::vector<AttentionMap>& maps) {
  at::Tensor found;
  for (const size_t source : match.reruns.sources) {
    const at::Tensor constant = is_constant(maps[source].values);
    found = found.defined() ? found | constant : constant;
  }
  return found;
}

}  // namespace

std::string name_of(const MatchSpec& match) { return "matcher '" + match.matcher.id + "'"; }

Matched run_match(const Match& match, const MatchScene& scene, const std::vector<AttentionMap>& maps) {
  MatchRun run(match, scene);
  Matched matched;
  matched.pairs = call_component(name_of(match.spec), [&] { return match.matcher->match(run, maps); });
  if (match.compares && matched.pairs.empty()) throw Error(Fault::run, name_of(match.spec) + " gave no pair of maps");
  for (const auto& [a, b] : matched.pairs) {
    check_batch(match, a, scene.input.size(0));
    check_batch(match, b, scene.input.size(0));
  }
  matched.answers = run.answers();
  if (match.scores && matched.answers.empty()) throw Error(Fault::run, name_of(match.spec) + " made no input");
  matched.saturated = run.saturated_rows();
  matched.constant_source = constant_source(match, maps);
  return matched;
}

}  // namespace attune
