// One map as a mask of the input, the others computed once more on what it leaves: Mirzazadeh et al. 2022 (ATCON), Eq.
// 6 and Algorithm 1.

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
