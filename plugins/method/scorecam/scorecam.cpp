// Feature maps of a layer, each weighted by the class score of what it shows: the map is enlarged, brought to 0..1 and
// laid over the input as a mask. No gradient is taken. The map has the size of the layer, one channel, and no weight is
// negative.
//
// ## Equation
//
// With the input `x`, the feature maps `A_k` of the layer, enlarged to the input's size by linear interpolation (`up`),
// and the score `y` of the class:
//
// ```
// H_k    = (up(A_k) - min up(A_k)) / (max up(A_k) - min up(A_k))             minmax=false: H_k = up(A_k)
// w      = softmax over k of  y(x H_k)
// map(s) = sum_k  w_k A_k(s)                                                 relu=true: max(0, map(s))
// ```
//
// Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", 2020, equations 3 to
// 6. The score of an empty input that the paper takes away is the same for every map and goes out in the softmax. A map
// without any difference hides the whole input.
//
// ## Parameters
//
// With `channels` the maps of largest standard deviation are taken, which decide most of the result; `channels=0` takes
// all of them. The softmax is over those that are taken.
//
// ## Cost
//
// One forward pass for each feature map, 512 at the last of SqueezeNet and 2,048 at that of ResNet-50, without
// gradients: streamed through the model in chunks for all inputs together, and all targets at once. No more masks exist
// than a chunk has. In a loss every one of them is recorded: take `channels=8` or so there.
//
// ## Where it misleads
//
// - The softmax of raw scores, which differ by several units, is nearly that of a few best masks, often of one. With
//   `--target top1:of=probability` it is nearly a mean of all of them.
// - A mask that shows the whole object and one that shows it and half of its surroundings score alike.
// - Masked inputs are pictures that the model never saw, and 0 is not black but the mean colour, where the input is
//   normalised.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method scorecam:channels=64 --method gradcam
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards what Score-CAM finds",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam", "layer": "auto"},
//     "score": {"use": "scorecam", "layer": "auto", "channels": 16, "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "score"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>
#include <algorithm>

#include "common/cam.h"
#include "common/matching.h"
#include "common/rows.h"
#include "common/variants.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d = plugins::cam_descriptor("scorecam", "Score-CAM");
  d.summary = "Feature maps of a layer, weighted by the class score of what each shows of the input, and summed";
  d.citation = "Wang et al. 2020, Eq. 3 to 6";
  d.formula = "sum_c softmax_c(y(x H_c)) A_c";
  d.misleads = "The softmax of scores that differ by units is nearly that of the best mask alone";
  d.reads = {"features", "answers"};
  d.groups = {"perturbation"};
  d.parameters.push_back(
      integer("channels", 0, {0, 1e6}, "How many feature maps are tried, those that vary most; 0: all"));
  d.parameters.push_back(boolean("minmax", true, "Bring every mask to 0..1"));
  d.forward_passes = 513;
  d.backward_passes = 0;
  return d;
}

class ScoreCam final : public AttentionMethod {
 public:
  explicit ScoreCam(const Parameters& parameters)
      : layer_(parameters.string("layer")),
        relu_(parameters.boolean("relu")),
        channels_(parameters.integer("channels")),
        minmax_(parameters.boolean("minmax")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.forward_passes = channels_ == 0 ? 0 : 1 + static_cast<double>(channels_);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor features = chosen(pass.activation(layer_));
    const at::Tensor& input = pass.input();
    const int64_t count = features.size(1);
    const auto masked = [&](const at::Tensor& sample, const at::Tensor& channel) {
      const at::Tensor maps = features.flatten(0, 1).index_select(0, sample * count + channel).unsqueeze(1);
      return input.index_select(0, sample) * masks(plugins::resized(maps, plugins::extents(input), false));
    };
    std::vector<AttentionMap> maps;
    for (const at::Tensor& scores : plugins::scores_of(pass, targets, count, masked)) {
      const at::Tensor map = plugins::weighted_sum(at::softmax(scores, 1), features);
      maps.push_back({relu_ ? at::relu(map) : map, false, {layer_}});
    }
    return maps;
  }

 private:
  at::Tensor chosen(const at::Tensor& features) const {
    if (channels_ == 0 || channels_ >= features.size(1)) return features;
    const at::Tensor flat = features.flatten(2);
    const at::Tensor best = std::get<1>(flat.detach().var(2, /*unbiased=*/false).topk(channels_, 1));
    auto shape = features.sizes().vec();
    shape[1] = channels_;
    return flat.gather(1, best.unsqueeze(2).expand({-1, -1, flat.size(2)})).view(shape);
  }

  at::Tensor masks(const at::Tensor& enlarged) const {
    if (!minmax_) return enlarged;
    const at::Tensor flat = enlarged.flatten(1);
    const at::Tensor lowest = flat.amin(1, /*keepdim=*/true), range = flat.amax(1, /*keepdim=*/true) - lowest;
    return ((flat - lowest) / plugins::safe(range, range > plugins::smallest_magnitude(range))).view(enlarged.sizes());
  }

  std::string layer_;
  bool relu_;
  int64_t channels_;
  bool minmax_;
};

}  // namespace

ATTUNE_PLUGIN("scorecam", ATTUNE_VERSION, registry) { registry.add_method<ScoreCam>(descriptor()); }
