// What the class score loses without one part of the input: each part is hidden in turn. The map has the size of the
// input, one channel, and a sign: positive where the score drops without the part.
//
// ## Equation
//
// With the input `x`, the score `y` of the class, and `x \ R` the input whose places in the part `R` hold the fill:
//
// ```
// map(s) = y(x) - y(x \ R)     for all s in R
// ```
//
// That is occlusion (Zeiler and Fergus 2014, section 4.2) by parts that do not overlap; as FeatureAblation in Captum.
// The parts are superpixels (Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", 2012),
// which follow edges, or the cells of a grid.
//
// ## Parameters
//
// An input has `cells` parts along each axis, 64 of a picture with the default, fewer where an axis is shorter.
// `compactness` is for superpixels: with a large one they are the cells of a grid, with a small one they follow colours
// wherever these lead. Colours are counted in the input's standard deviation, places in cells. `fill` 0 is the mean
// colour where the input is normalised.
//
// ## Cost
//
// A forward pass of each part, without gradients, streamed in chunks for all inputs together, and for all targets at
// once: 64 for a picture, 512 for a clip or a volume. There is no gradient through the map: specs that use it say
// `"stop_gradient": true`.
//
// ## Where it misleads
//
// - Two parts that can stand in for one another both look unimportant; `kernel_shap` shares between them.
// - A superpixel may be half object, half background: look at two numbers of cells.
// - A filled part is a picture that the model never saw; compare two fills.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method feature_ablation:cells=10 --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards the superpixels that the score depends on",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "parts": {"use": "feature_ablation", "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "parts"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/segments.h"

namespace {

using namespace attune;
using plugins::Segments;

Descriptor descriptor() {
  Descriptor d;
  d.id = "feature_ablation";
  d.title = "Feature ablation";
  d.summary = "How far the class score drops without each part of the input: superpixels, or cells of a grid";
  d.citation = "Zeiler and Fergus 2014, section 4.2; superpixels: Achanta et al. 2012";
  d.formula = "y(x) - y(x without segment k)";
  d.misleads = "Two segments that can stand in for one another both look worthless";
  d.reads = {"answers"};
  d.groups = {"perturbation"};
  d.parameters = Segments::parameters();
  d.differentiable = false;
  d.forward_passes = 65;  // of a picture
  d.at_input_resolution = true;
  return d;
}

class FeatureAblation final : public AttentionMethod {
 public:
  explicit FeatureAblation(const Parameters& parameters) : choice_(parameters) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::NoGradGuard no_graph;
    const Segments segments = choice_.of(pass.input());
    const at::Tensor kept = 1 - at::eye(segments.count(), pass.input().options());
    const auto scores = plugins::segment_scores(pass, targets, segments, kept, choice_.fill);
    std::vector<AttentionMap> maps;
    for (size_t t = 0; t < targets.size(); ++t) {
      const at::Tensor drops = pass.score(targets[t]).unsqueeze(1) - scores[t];
      maps.push_back(plugins::segment_map(segments, drops, pass.input()));
    }
    return maps;
  }

 private:
  plugins::SegmentChoice choice_;
};

}  // namespace

ATTUNE_PLUGIN("feature_ablation", ATTUNE_VERSION, registry) { registry.add_method<FeatureAblation>(descriptor()); }
