// How much two maps point in the same direction, with zero as the fixed reference: the cosine of the angle between
// them. With `lag` one map may move a few cells to find its best place first.
//
// ## Equation
//
// With maps `a` and `b` of one sample, summed over positions `s` and channels, and zero outside of the maps:
//
// ```
// h = max over t of  sum a(s + t) b(s) / sqrt( sum a^2  sum b^2 )        |t| <= lag along each axis
// raw=true:  h = max over t of | sum a(s + t) b(s) |
// ```
//
// Mirzazadeh et al. (ATCON) 2022 name the measure without a formula; their published code computes the raw sum at lag
// 0.
//
// ## Parameters
//
// The denominator is that of the whole maps, so a shift that moves mass out of the picture costs agreement. Shifts
// without any overlap are not tried. With `raw` the value is never negative and has no upper bound; the range [-1, 1]
// holds without it only.
//
// ## Cost
//
// One sum of products per shift: (2 lag + 1)^d for d spatial dimensions, 25 for an image and `lag=2`, 35937 for a clip
// and `lag=16`. The gradient is computed only for the shifts that won.
//
// ## Where it misleads
//
// - The offset counts. Two maps that are positive everywhere have a high value without anything in common; `pearson`
//   takes the mean away first.
// - With `lag` even unrelated maps agree more, because the best shift is chosen. Compare only values of one lag.
// - At the point where another shift becomes the best, the gradient jumps.
// - `raw` grows with the size and the scale of the maps: a loss can be lowered by making the maps larger. Normalise
//   them in the term, as the published code does. It overflows in float32 for maps of about 1e18.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation, which may lie one cell apart",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": {"use": "pool", "kind": "average"},
//       "compare": {"use": "cross_correlation", "lag": 1, "raw": false}
//     }
//   ]
// }
// ```

#include <ATen/ops/_unique2.h>
#include <ATen/ops/stack.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <cstdlib>
#include <tuple>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;
using Shift = std::vector<int64_t>;

Descriptor descriptor() {
  Descriptor d;
  d.id = "cross_correlation";
  d.title = "Cross-correlation";
  d.summary =
      "Cosine of the angle between two maps, the largest over small shifts if wished; with raw the absolute, "
      "unbounded sum of products";
  d.citation = "Mirzazadeh et al. 2022; raw: its published code";
  d.parameters = {
      integer("lag", 0, {0, 16}, "Take the largest value over shifts of up to this many cells along every axis"),
      boolean("raw", false, "Absolute sum of products without normalisation, as the published code has it: unbounded"),
  };
  d.symmetric = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

// Every shift by at most `lag` cells along each axis that leaves an overlap.
std::vector<Shift> shifts_of(at::IntArrayRef extents, int64_t lag) {
  std::vector<Shift> shifts{{}};
  for (const int64_t extent : extents) {
    std::vector<Shift> longer;
    const int64_t most = std::min(lag, extent - 1);
    for (const Shift& shift : shifts) {
      for (int64_t step = -most; step <= most; ++step) {
        longer.push_back(shift);
        longer.back().push_back(step);
      }
    }
    shifts = std::move(longer);
  }
  return shifts;
}

class CrossCorrelation final : public Correlation {
 public:
  explicit CrossCorrelation(const Parameters& parameters)
      : lag_(parameters.integer("lag")), raw_(parameters.boolean("raw")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor x = scaled(a.values), y = scaled(b.values);
    const std::vector<Shift> shifts = shifts_of(x.sizes().slice(2), lag_);
    return shifts.size() == 1 ? agreement(x, y, shifts[0]) : largest(x, y, shifts);
  }

 private:
  at::Tensor scaled(const at::Tensor& map) const {
    return raw_ ? map : plugins::unit(map.flatten(1)).view(map.sizes());
  }

  // Sum over the overlap; what is shifted in is zero.
  at::Tensor agreement(at::Tensor x, at::Tensor y, const Shift& shift) const {
    for (size_t i = 0; i < shift.size(); ++i) {
      const int64_t axis = static_cast<int64_t>(i) + 2, step = shift[i];
      const int64_t overlap = x.size(axis) - std::abs(step);
      x = x.narrow(axis, std::max<int64_t>(step, 0), overlap);
      y = y.narrow(axis, std::max<int64_t>(-step, 0), overlap);
    }
    const at::Tensor sum = (x * y).flatten(1).sum(1);
    return raw_ ? sum.abs() : sum;
  }

  // Only shifts that are best for some sample get a graph: thousands of slices in one would be slow to differentiate.
  at::Tensor largest(const at::Tensor& x, const at::Tensor& y, const std::vector<Shift>& shifts) const {
    std::vector<at::Tensor> all, kept;
    {
      const c10::NoGradGuard guard;
      for (const Shift& shift : shifts) all.push_back(agreement(x, y, shift));
    }
    const auto [best, position, counts] = at::_unique2(at::stack(all).argmax(0), /*sorted=*/true,
                                                       /*return_inverse=*/true);
    const at::Tensor indices = best.cpu();
    for (int64_t i = 0; i < indices.numel(); ++i) {
      kept.push_back(agreement(x, y, shifts[static_cast<size_t>(indices[i].item<int64_t>())]));
    }
    return at::stack(kept).gather(0, position.unsqueeze(0)).squeeze(0);
  }

  int64_t lag_;
  bool raw_;
};

}  // namespace

ATTUNE_PLUGIN("cross_correlation", ATTUNE_VERSION, registry) {
  registry.add_correlation<CrossCorrelation>(descriptor());
}
