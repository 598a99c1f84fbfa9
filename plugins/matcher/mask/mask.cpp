// One map becomes a soft mask of the input. The model sees the masked input, every other map is computed once more, and
// the two versions of it are compared: if the source marks what the model uses, they agree. No map is resized to
// another, so a coarse Grad-CAM and a fine gradient can be matched.
//
// ## Equation
//
// With the source map `A` (resized to the input first when it is smaller), the input `x`, and `m`, `s` of every sample:
//
// ```
// P  = 1 / (1 + exp(-(A - m) / s))          shape=soft
//      1 where A > m, else 0                 shape=hard
//      (A - min A) / (max A - min A)         shape=linear
// x' = P x                                   invert: (1 - P) x
// pairs: (map(x), map(x'))        for every other map of the term, for the class chosen on x
// ```
//
// Mirzazadeh et al. (ATCON) 2022, equation 6 and algorithm 1. A source that keeps the input's channels masks each of
// them on its own, as equation 6 does; a source of one channel masks all alike.
//
// Inverted, it hides what the source marks: Li et al., "Tell Me Where to Look: Guided Attention Inference Network"
// (GAIN), 2018, soft; Asgari et al., "MaskTune", 2022, hard. Linear it is the mask of "coherency" (Poppi et
// al., "Revisiting The Evaluation of Class Activation Mapping for Explainability", 2021).
//
// ## Parameters
//
// `source` is any map of the term. Of the centre `m`, `mean` is the paper's and `mean_plus_half_std` its published
// code's. `median` parts the cells into halves, of which a hard mask keeps the upper one, as in saliency guided
// training. Of the scale `s`, `variance` is the paper's; `std` may be taken instead, or a number for all samples, which
// is 1/omega of the published code. `mean_plus_two_std` is of the positive cells alone, as MaskTune has it. With
// `minmax` the source is first brought to 0..1, which is what numbers for both are meant for (GAIN: a centre of 0.5 and
// a scale of 0.1). `centre` is not used by the linear mask, and `scale` by the soft one only.
//
// `dropout` hides a share of the source's cells at random, others in every call and the same for the whole batch: the
// map must then do with what is left.
//
// The source may be the term's only map where the term scores the model's answer (`"score"`).
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
//   the mask. The report counts such samples; `"scale": "std"` avoids it. A hard mask never has a gradient.
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
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sigmoid.h>
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include <attune/sdk/plugin.h>

#include "common/matching.h"
#include "common/rows.h"

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
      choice("shape", "soft", {"soft", "hard", "linear"},
             "A logistic function of the map, 1 above the centre and 0 below, or the map itself from 0 to 1"),
      boolean("invert", false, "What the map marks is hidden instead of kept"),
      boolean("minmax", false, "The map is brought to 0..1 first, per sample"),
      choice_or_real("centre", std::string("mean"), {"mean", "median", "mean_plus_half_std", "mean_plus_two_std"},
                     {-1e18, 1e18}, "The value of the map where the mask is 1/2: per sample, or a number for all"),
      choice_or_real("scale", std::string("variance"), {"variance", "std"}, {smallest_scale, 1e18},
                     "How far from the centre the mask reaches 0.73: per sample, or a number for all"),
      real("dropout", 0.0, {0, 0.95}, "Share of the map's cells that are hidden at random"),
      boolean("align_corners", false, "How a smaller map is resized to the input: corner cells coincide"),
  };
  d.deterministic = false;  // with dropout
  return d;
}

class Mask final : public ResolutionMatcher {
 public:
  explicit Mask(const Parameters& parameters)
      : source_(parameters.string("source")),
        shape_(parameters.string("shape")),
        invert_(parameters.boolean("invert")),
        minmax_(parameters.boolean("minmax")),
        centre_(parameters.number("centre")),
        scale_(parameters.number("scale")),
        dropout_(parameters.real("dropout")),
        align_corners_(parameters.boolean("align_corners")) {
    if (!centre_) centre_rule_ = parameters.string("centre");
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
    const at::Tensor mask = mask_of(maps[source].values, context);
    const at::Tensor masked = context.input() * mask;
    if (shape_ == "soft") context.saturated(is_saturated(mask));
    context.show("mask", Shown::mask, mask);
    context.show("masked input", Shown::input, masked);
    MatchedPairs pairs;
    for (size_t i = 0; i < maps.size(); ++i) {
      if (i != source) pairs.emplace_back(maps[i], context.recompute(i, masked));
    }
    context.made(masked);
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

  // [N,1,S1..Sd] or, of a map that keeps the input's channels, [N,C,S1..Sd].
  at::Tensor mask_of(const at::Tensor& map, MatchContext& context) const {
    const at::Tensor& input = context.input();
    if (map.dim() != input.dim() || (map.size(1) != 1 && map.size(1) != input.size(1))) {
      throw Error(Fault::run, "the map \"" + source_ + "\" cannot mask the input: it has " +
                                  std::to_string(map.size(1)) + " channels of " + std::to_string(map.dim() - 2) +
                                  " dimensions, the input " + std::to_string(input.size(1)) + " of " +
                                  std::to_string(input.dim() - 2) + "; reduce it to one channel");
    }
    const at::Tensor resized = plugins::resized(map, plugins::extents(input), align_corners_);
    at::Tensor cells = resized.flatten(1);
    if (minmax_ || shape_ == "linear") cells = from_zero_to_one(cells);
    const at::Tensor kept = shaped(cells).view_as(resized);
    const at::Tensor mask = invert_ ? 1 - kept : kept;
    return dropout_ > 0 ? mask * left(map, input, context) : mask;
  }

  at::Tensor shaped(const at::Tensor& cells) const {
    if (shape_ == "linear") return cells;
    const at::Tensor distance = cells - centre(cells);
    if (shape_ == "hard") return distance.detach().gt(0).to(cells.scalar_type());
    return at::sigmoid(scale_ ? distance / *scale_ : distance / spread(cells));
  }

  static at::Tensor from_zero_to_one(const at::Tensor& cells) {
    const at::Tensor above = cells - cells.amin(1, /*keepdim=*/true);
    const at::Tensor most = above.amax(1, /*keepdim=*/true);
    return above / plugins::safe(most, most > plugins::smallest_magnitude(most));
  }

  // [N,1] or a number.
  at::Tensor centre(const at::Tensor& cells) const {
    if (centre_) return at::full({}, *centre_, cells.options().requires_grad(false));
    if (centre_rule_ == "mean_plus_two_std") return high_value(cells);
    if (centre_rule_ == "median") return std::get<0>(cells.median(1, true));
    const at::Tensor mean = cells.mean(1, true);
    return centre_rule_ == "mean" ? mean : mean + cells.std(1, unbiased(cells), true) / 2;
  }

  // The mean of the positive cells and two of their standard deviations.
  static at::Tensor high_value(const at::Tensor& cells) {
    const at::Tensor positive = cells > 0, count = positive.sum(1, true).clamp_min(1);
    const at::Tensor mean = (cells * positive).sum(1, true) / count;
    const at::Tensor variance = ((cells - mean).square() * positive).sum(1, true) / count;
    return mean + 2 * variance.clamp_min(plugins::smallest_magnitude(variance)).sqrt();
  }

  at::Tensor spread(const at::Tensor& cells) const {
    const at::Tensor spread =
        scale_by_variance_ ? cells.var(1, unbiased(cells), true) : cells.std(1, unbiased(cells), true);
    return spread.clamp_min(cells.scalar_type() == at::kHalf ? smallest_half : smallest_scale);
  }

  static bool unbiased(const at::Tensor& cells) { return cells.size(1) > 1; }

  // [1,1,S1..Sd], the cells of the map that are not dropped, at the input's size.
  at::Tensor left(const at::Tensor& map, const at::Tensor& input, MatchContext& context) const {
    std::vector<int64_t> one = map.sizes().vec();
    one[0] = one[1] = 1;
    const at::Tensor draw = at::rand(one, context.generator(), at::TensorOptions().dtype(at::kDouble));
    const at::Tensor kept = draw.ge(dropout_).to(input.device(), input.scalar_type());
    return plugins::resized(kept, plugins::extents(input), align_corners_);
  }

  static at::Tensor is_saturated(const at::Tensor& mask) {
    const at::Tensor cells = mask.detach().flatten(1);
    const at::Tensor stuck = (cells < hidden) | (cells > 1 - hidden);
    return stuck.to(at::kFloat).mean(1) > saturated_share;
  }

  std::string source_;
  std::string shape_;
  bool invert_;
  bool minmax_;
  std::optional<double> centre_;  // the same for all samples
  std::string centre_rule_;       // otherwise
  std::optional<double> scale_;
  bool scale_by_variance_ = false;  // otherwise by standard deviation
  double dropout_;
  bool align_corners_;
};

}  // namespace

ATTUNE_PLUGIN("mask", ATTUNE_VERSION, registry) { registry.add_matcher<Mask>(descriptor()); }
