// A method's map of the input and of its mirror image, the second turned back, and their mean. A model that has learned
// objects should look at the same place in both; what it does not look at twice fades. It wraps any other method and
// has that one's size and channels.
//
// ## Equation
//
// With the map `M` of the nested method, the input `x`, `flip` along the last axis, and scales `a_1..a_n`:
//
// ```
// map = (1/2n) sum_i  M(a_i x) + flip(M(flip(a_i x)))
// ```
//
// It has no paper: with `scales=0.9,1,1.1` it is what pytorch-grad-cam calls `aug_smooth`. The scales are of the input
// as the model sees it, normalised.
//
// ## Parameters
//
// ## Cost
//
// The passes of the nested method for the input and its mirror image at each scale; the one of the input itself is
// shared with the other methods of the run. In a loss all of them are kept until the gradient is taken.
//
// The map is differentiable and deterministic as far as the nested method is.
//
// ## Where it misleads
//
// - The mean hides that the two maps differ, which would say that the model, or the method, is not to be trusted here.
// - The target is the input's: of the mirror image it may not be the best class.
// - Text, faces in profile and organs are not what their mirror images are. Of a signal the last axis is time, and
//   a signal played backwards is seldom one at all.
// - A layer of stride two sees the mirror image half a cell aside.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method flip_average --method "flip_average:of=layercam,scales=0.9,1,1.1"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM of both sides against guided backpropagation",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "flip_average", "of": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/flip.h>
#include <memory>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "flip_average";
  d.title = "Mean of both sides";
  d.summary = "Mean of a method's maps of the input and of its mirror image, turned back";
  d.citation = "pytorch-grad-cam, aug_smooth";
  d.formula = "mean_a M(a x) + flip(M(flip(a x)))";
  d.misleads = "The mean hides that the two sides differ";
  d.parameters = {
      method("of", {"gradcam", {}}, "Method whose maps are averaged, with its parameters"),
      list("scales", {1}, {0.01, 100}, "Numbers that the input is multiplied by, each of which gives two maps"),
  };
  d.forward_passes = 2;
  d.backward_passes = 2;
  d.resolution_of = "of";
  return d;
}

at::Tensor mirrored(const at::Tensor& tensor) { return at::flip(tensor, {tensor.dim() - 1}); }

class FlipAverage final : public AttentionMethod {
 public:
  FlipAverage(const Parameters& parameters, Parts& parts)
      : method_(parts.method("of")), nested_(parts.descriptor("of")) {
    for (const double scale : parameters.list("scales")) {
      for (const bool flipped : {false, true}) variants_.push_back({scale, flipped});
    }
    if (variants_.empty()) throw Error(Fault::spec, "parameter \"scales\" must hold a number at least");
  }

  // The pass that it is given serves the input as it is.
  Needs needs(const Model& model) const override {
    Needs needs = method_->needs(model);
    const bool counted = needs.forward_passes > 0 || needs.backward_passes > 0;
    const auto variants = static_cast<double>(variants_.size());
    needs.forward_passes = variants * (counted ? needs.forward_passes : nested_.forward_passes);
    needs.backward_passes = variants * (counted ? needs.backward_passes : nested_.backward_passes);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const uint64_t seed = at::check_generator<at::CPUGeneratorImpl>(pass.generator())->random64();
    std::vector<AttentionMap> average;
    for (const Variant& variant : variants_) {
      const auto maps = variant.is_input() ? method_->attend(pass, targets) : of_variant(variant, pass, targets, seed);
      if (maps.size() != targets.size()) throw Error(Fault::run, "the nested method gave no map for each target");
      if (average.empty()) average = std::vector<AttentionMap>(maps.size());
      for (size_t t = 0; t < maps.size(); ++t) {
        const at::Tensor values = variant.flipped ? mirrored(maps[t].values) : maps[t].values;
        const at::Tensor before = average[t].values;
        average[t] = maps[t];
        average[t].values = before.defined() ? before + values : values;
      }
    }
    for (AttentionMap& map : average) map.values = map.values / static_cast<double>(variants_.size());
    return average;
  }

 private:
  struct Variant {
    double scale;
    bool flipped;

    bool is_input() const { return scale == 1 && !flipped; }
  };

  std::vector<AttentionMap> of_variant(const Variant& variant, Pass& pass, const std::vector<Target>& targets,
                                       uint64_t seed) const {
    Needs needs = method_->needs(pass.model());
    needs.gradient_calls *= static_cast<int64_t>(targets.size());
    at::Tensor input;
    {
      const at::AutoGradMode mode(pass.wants_graph() && at::GradMode::is_enabled());
      input = variant.scale * (variant.flipped ? mirrored(pass.input()) : pass.input());
    }
    const auto own = pass.model().forward(input, needs, pass.wants_graph(), at::detail::createCPUGenerator(seed));
    auto maps = method_->attend(*own, targets);
    for (AttentionMap& map : maps) {
      for (std::string& layer : map.layers) layer = own->layer(layer);
    }
    return maps;
  }

  std::unique_ptr<AttentionMethod> method_;
  Descriptor nested_;
  std::vector<Variant> variants_;
};

}  // namespace

ATTUNE_PLUGIN("flip_average", ATTUNE_VERSION, registry) { registry.add_method<FlipAverage>(descriptor()); }
