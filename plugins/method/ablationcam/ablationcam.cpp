// Feature maps of a layer, each weighted by what the class score loses without it. No gradient says what a map is
// worth; the model does, run once more for each map from the layer on. The map has the size of the layer, one channel,
// and a sign.
//
// ## Equation
//
// With the feature maps `A_k` of the layer (positions `s`), the score `y` of the class, and `y_k` the score with `A_k`
// set to zero:
//
// ```
// w_k    = (y - y_k) / y
// map(s) = sum_k  w_k A_k(s)                              relu=true: max(0, map(s))
// ```
//
// Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
// Localization", 2020, equations 3 and 4.
//
// ## Parameters
//
// ## Cost
//
// One forward pass; then what lies behind the layer, once for each of its feature maps, streamed in chunks for all
// inputs and targets together. Values that reach the output past the layer are computed once.
//
// Where the score without several maps at once is what the losses of each add up to, one gradient has them all: `y -
// y_k = sum_s g_k(s) A_k(s)` with `g = dy/dA`. So it is where a mean and a linear layer follow, as in most classifiers
// of today. Five sets of maps are taken away to see that; then nothing is run for single maps.
//
// In a loss all those runs are recorded: take a layer near the output.
//
// ## Where it misleads
//
// - A class of negative score turns the map's sign, and one near zero has weights without measure. Look at `attune
//   heatmap`'s scores, or explain `--target top1:of=probability`.
// - Two feature maps that can stand in for one another both look worthless, as either is enough.
// - Where a mean and a linear layer follow it is Grad-CAM, divided by the score.
// - The map is as coarse as the layer, with one weight per channel, whatever the place.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method ablationcam --method gradcam
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Ablation-CAM against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "ablationcam", "layer": "auto", "relu": true},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include "common/cam.h"
#include "common/rows.h"
#include "common/tail.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("ablationcam", "Ablation-CAM");
  d.summary = "Feature maps of a layer, weighted by the share of the class score that is lost without each, and summed";
  d.citation = "Desai and Ramaswamy 2020, Eq. 3 and 4";
  d.formula = "sum_c (y - y_{without A_c}) / y A_c";
  d.misleads = "Of feature maps that can stand in for one another, all look worthless";
  d.groups = {"cam", "perturbation"};
  return d;
}

// [sets,K]: which of K feature maps are taken away together (1): all of them, and halves, told apart by the bits of
// their numbers.
at::Tensor several(const at::Tensor& features) {
  const at::Tensor number = at::arange(features.size(1), features.options().dtype(at::kLong));
  std::vector<at::Tensor> sets{at::zeros_like(number) + 1};
  for (int64_t bit = 0; bit < 4; ++bit) sets.push_back(number.div(int64_t{1} << bit, "floor").remainder(2));
  return at::stack(sets).to(features.scalar_type());
}

class AblationCam final : public AttentionMethod {
 public:
  explicit AblationCam(const Parameters& parameters)
      : layer_(parameters.string("layer")), relu_(parameters.boolean("relu")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor features = pass.activation(layer_);
    const std::vector<at::Tensor> losses = lost(pass, targets, features);
    std::vector<AttentionMap> maps;
    for (size_t t = 0; t < targets.size(); ++t) {
      const at::Tensor score = pass.score(targets[t]).unsqueeze(1);
      const at::Tensor map = plugins::weighted_sum(losses[t] / plugins::safe(score, score != 0), features);
      maps.push_back({relu_ ? at::relu(map) : map, false, {layer_}});
    }
    return maps;
  }

 private:
  // [N,K] for each target: what the score loses without each feature map.
  std::vector<at::Tensor> lost(Pass& pass, const std::vector<Target>& targets, const at::Tensor& features) const {
    const at::Tensor sets = several(features);
    const std::vector<at::Tensor> tried = scores_without(pass, targets, features.detach(), sets, /*graph=*/false);
    std::vector<at::Tensor> losses;
    std::vector<size_t> left;  // targets whose losses do not add up
    for (size_t t = 0; t < targets.size(); ++t) {
      const at::Tensor score = pass.score(targets[t]);
      const at::Tensor gradient = pass.gradients(score, {features})[0];
      losses.push_back((gradient * features).flatten(2).sum(2));
      if (!add_up(score.detach(), losses[t].detach(), sets, tried[t])) left.push_back(t);
    }
    if (left.empty()) return losses;
    std::vector<Target> others;
    for (const size_t t : left) others.push_back(targets[t]);
    const at::Tensor single = at::eye(features.size(1), features.options());
    const auto scores = scores_without(pass, others, features, single, pass.wants_graph());
    for (size_t i = 0; i < left.size(); ++i) losses[left[i]] = pass.score(others[i]).unsqueeze(1) - scores[i];
    return losses;
  }

  // [N,sets] for each target: the score without the feature maps of each set.
  std::vector<at::Tensor> scores_without(Pass& pass, const std::vector<Target>& targets, const at::Tensor& features,
                                         const at::Tensor& sets, bool graph) const {
    const at::AutoGradMode mode(graph && at::GradMode::is_enabled());
    const auto without = [&](const at::Tensor& sample, const at::Tensor& set) {
      const at::Tensor kept = 1 - sets.index_select(0, set);
      return features.index_select(0, sample) * plugins::beside_cells(kept, features);
    };
    return plugins::tail_scores(pass, {layer_}, targets, sets.size(0), without);
  }

  // Up to rounding.
  static bool add_up(const at::Tensor& score, const at::Tensor& losses, const at::Tensor& sets,
                     const at::Tensor& tried) {
    const double tolerance = score.scalar_type() == at::kDouble ? 1e-11 : 1e-5;
    const at::Tensor off = (score.unsqueeze(1) - at::matmul(losses, sets.t()) - tried).abs().amax(1);
    return (off <= tolerance * (score.abs() + losses.abs().sum(1))).all().item<bool>();
  }

  std::string layer_;
  bool relu_;
};

}  // namespace

ATTUNE_PLUGIN("ablationcam", ATTUNE_VERSION, registry) { registry.add_method<AblationCam>(descriptor()); }
