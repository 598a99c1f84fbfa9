// One map becomes a soft mask of the input. The model sees the masked input, every other map is computed once more, and
// the two versions of it are compared: if the source marks what the model uses, they agree. No map is resized to
// another, so a coarse Grad-CAM and a fine gradient can be matched.
//
// ## Equation
//
// With the source map `A` (resized to the input first when it is smaller), the input `x`, and `m`, `s` of every sample:
//
// ```
// P  = 1 / (1 + exp(-(A - m) / s))
// x' = P x
// pairs: (map(x), map(x'))        for every other map of the term, for the class chosen on x
// ```
//
// Mirzazadeh et al. (ATCON) 2022, equation 6 and algorithm 1. A source that keeps the input's channels masks each of
// them on its own, as equation 6 does; a source of one channel masks all alike.
//
// ## Parameters
//
// `source` is any map of the term. Of the centre `m`, `mean` is the paper's and `mean_plus_half_std` its published
// code's. Of the scale `s`, `variance` is the paper's; `std` may be taken instead, or a number for all samples, which
// is 1/omega of the published code.
//
// With `"stop_gradient": true` beside them the mask is a constant of the loss: no gradient passes through `P`, and the
// source is computed without a graph. That is much cheaper (`attune loss ... --explain` shows what remains).
//
// ## Cost
//
// One more forward pass per class, and one backward pass for every map that is computed again.
//
// ## Where it misleads
//
// - Of a map with small values the variance is far smaller than the values, and the mask is black and white:
//   *saturated*. The loss stays finite and passes gradients through both versions of the map, but hardly any through
//   the mask. The report counts such samples; `"scale": "std"` avoids it.
// - A masked input is unlike anything the model was trained on. A low agreement may say so, and nothing of the maps.
// - Zero, to which the mask fades, is the mean colour after the usual preprocessing, and black without it.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Does Grad-CAM stay the same when the model sees only what guided backpropagation marks?",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "gb"], "match": {"use": "mask", "source": "gb", "scale": "std"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <algorithm>
#include <optional>
#include <string>

#include <attune/sdk/plugin.h>

#include "common/matching.h"

namespace {

using namespace attune;

// Below this a scale counts as this: the variance of a tiny float32 map is 0, and a smaller scale would overflow in the
// backward pass.
constexpr double smallest_scale = 1e-18;
constexpr double smallest_half = 1e-4;    // in half precision
constexpr double hidden = 1e-6;           // this near to 0 or 1 a cell has no gradient to speak of
constexpr double saturated_share = 0.99;  // of the cells

Descriptor descriptor() {
  Descriptor d;
  d.id = "mask";
  d.title = "Mask";
  d.summary = "One map becomes a soft mask of the input; the others are compared with themselves on the masked input";
  d.citation = "Mirzazadeh et al. 2022, Eq. 6 and Algorithm 1";
  d.parameters = {
      map("source", "", "The map that becomes the mask"),
      choice("centre", "mean", {"mean", "mean_plus_half_std"},
             "The value of the map, per sample, where the mask is 1/2"),
      choice_or_real("scale", std::string("variance"), {"variance", "std"}, {smallest_scale, 1e18},
                     "How far from the centre the mask reaches 0.73: per sample, or a number for all"),
      boolean("align_corners", false, "How a smaller map is resized to the input: corner cells coincide"),
  };
  return d;
}

class Mask final : public ResolutionMatcher {
 public:
  explicit Mask(const Parameters& parameters)
      : source_(parameters.string("source")),
        centre_with_std_(parameters.string("centre") == "mean_plus_half_std"),
        scale_(parameters.number("scale")),
        align_corners_(parameters.boolean("align_corners")) {
    if (!scale_) scale_by_variance_ = parameters.string("scale") == "variance";
  }

  Reruns reruns(const std::vector<MapInfo>& maps) const override {
    const size_t source = source_index(maps);
    Reruns reruns;
    reruns.sources = {source};
    for (size_t i = 0; i < maps.size(); ++i) {
      if (i != source) reruns.maps.push_back(i);
    }
    return reruns;
  }

  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    const size_t source = source_index(context.maps());
    const at::Tensor mask = mask_of(maps[source].values, context.input());
    const at::Tensor masked = context.input() * mask;
    context.saturated(is_saturated(mask));
    context.show("mask", Shown::mask, mask);
    context.show("masked input", Shown::input, masked);
    MatchedPairs pairs;
    for (size_t i = 0; i < maps.size(); ++i) {
      if (i != source) pairs.emplace_back(maps[i], context.recompute(i, masked));
    }
    return pairs;
  }

 private:
  size_t source_index(const std::vector<MapInfo>& maps) const {
    std::vector<std::string> names;
    for (const MapInfo& map : maps) names.push_back(map.name);
    const auto found = std::find(names.begin(), names.end(), source_);
    if (found != names.end()) return static_cast<size_t>(found - names.begin());
    throw Error(Fault::spec, "the mask's source \"" + source_ + "\" is none of the maps that are matched" +
                                 did_you_mean(source_, names));
  }

  // P = 1 / (1 + exp(-(A - centre) / scale)), [N,1,S1..Sd] or, of a map that keeps the input's channels, [N,C,S1..Sd].
  at::Tensor mask_of(const at::Tensor& map, const at::Tensor& input) const {
    if (map.dim() != input.dim() || (map.size(1) != 1 && map.size(1) != input.size(1))) {
      throw Error(Fault::run, "the map \"" + source_ + "\" cannot mask the input: it has " +
                                  std::to_string(map.size(1)) + " channels of " + std::to_string(map.dim() - 2) +
                                  " dimensions, the input " + std::to_string(input.size(1)) + " of " +
                                  std::to_string(input.dim() - 2) + "; reduce it to one channel");
    }
    const at::Tensor resized = plugins::resized(map, plugins::extents(input), align_corners_);
    const at::Tensor cells = resized.flatten(1);
    const bool unbiased = cells.size(1) > 1;
    at::Tensor centre = cells.mean(1, true);
    if (centre_with_std_) centre = centre + cells.std(1, unbiased, true) / 2;
    const at::Tensor distance = cells - centre;
    return at::sigmoid(scale_ ? distance / *scale_ : distance / spread(cells, unbiased)).view_as(resized);
  }

  at::Tensor spread(const at::Tensor& cells, bool unbiased) const {
    const at::Tensor spread = scale_by_variance_ ? cells.var(1, unbiased, true) : cells.std(1, unbiased, true);
    return spread.clamp_min(cells.scalar_type() == at::kHalf ? smallest_half : smallest_scale);
  }

  static at::Tensor is_saturated(const at::Tensor& mask) {
    const at::Tensor cells = mask.detach().flatten(1);
    const at::Tensor stuck = (cells < hidden) | (cells > 1 - hidden);
    return stuck.to(at::kFloat).mean(1) > saturated_share;
  }

  std::string source_;
  bool centre_with_std_;
  std::optional<double> scale_;     // the same for all samples
  bool scale_by_variance_ = false;  // otherwise by standard deviation
  bool align_corners_;
};

}  // namespace

ATTUNE_PLUGIN("mask", ATTUNE_VERSION, registry) { registry.add_matcher<Mask>(descriptor()); }
