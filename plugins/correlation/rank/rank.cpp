// Whether two maps put places in the same order: 1 when every place that one map holds for more important the other
// does too, -1 when the orders are opposite. How much more important does not matter, once it is clear.
//
// ## Equation
//
// With `z(a)` the map minus its mean, divided by its standard deviation, over pairs of cells `i` and `j`:
//
// ```
// s(a)_ij = tanh( sharpness (z(a)_i - z(a)_j) )
// h       = sum s(a) s(b) / sqrt( sum s(a)^2  sum s(b)^2 )
// ```
//
// For a high sharpness that is Kendall's tau-b, "A New Measure of Rank Correlation", 1938. Ranking the regions of a map
// as people rank them is the loss of Selvaraju et al., "Taking a HINT: Leveraging Explanations to Make Vision and
// Language Models More Grounded", 2019.
//
// ## Parameters
//
// With flattened cells the pairs are those that are `1, 2, 3...` cells apart, around the end: all pairs as long as
// `distances` is at least half of the cells, else so many distances, evenly spread.
//
// ## Cost
//
// Products of `distances` times the map's cells, kept for the gradient: 64 times the map. For maps of the input's size
// pool first.
//
// ## Where it misleads
//
// - Most places of a map are unimportant, and their order is noise. It counts as much as the order of the important
//   ones.
// - A low sharpness measures something near `pearson`; a high one has a gradient only where two cells are nearly equal.
// - Pairs of cells that lie near each other count as pairs from both ends of the map do.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM ranks its cells as guided backpropagation does",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": {"use": "pool", "kind": "average"},
//       "compare": {"use": "rank", "sharpness": 4, "distances": 128}
//     }
//   ]
// }
// ```

#include <ATen/ops/cat.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "rank";
  d.title = "Rank correlation";
  d.summary = "Whether two maps put places in the same order: a soft form of Kendall's tau over pairs of cells";
  d.citation = "Kendall 1938; Selvaraju et al. 2019 (HINT)";
  d.parameters = {
      real("sharpness", 5.0, {1e-3, 1e4}, "How fast a difference, in standard deviations, is clear"),
      integer("distances", 64, {1, 4096}, "How many distances between the cells of a pair are taken at most"),
  };
  d.symmetric = true;
  d.affine_invariant = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

// Of `cells` in a ring: 1 to half of them, or `most` of these.
std::vector<int64_t> distances_of(int64_t cells, int64_t most) {
  const int64_t farthest = cells / 2, count = std::min(farthest, most);
  std::vector<int64_t> distances;
  for (int64_t i = 1; i <= count; ++i) distances.push_back(i * farthest / count);
  return distances;
}

class Rank final : public Correlation {
 public:
  explicit Rank(const Parameters& parameters)
      : sharpness_(parameters.real("sharpness")), distances_(parameters.integer("distances")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return (order(a) * order(b)).sum(1);
  }

 private:
  // [N,pairs], of norm 1.
  at::Tensor order(const AttentionMap& map) const {
    const at::Tensor rows = map.values.flatten(1);
    const int64_t cells = rows.size(1);
    const at::Tensor z = plugins::unit(rows - rows.mean(1, /*keepdim=*/true)) * std::sqrt(static_cast<double>(cells));
    std::vector<at::Tensor> pairs;
    for (const int64_t distance : distances_of(cells, distances_)) {
      // Half a ring apart, each pair would come twice.
      const int64_t count = 2 * distance == cells ? distance : cells;
      pairs.push_back((sharpness_ * (z - z.roll(-distance, 1))).tanh().narrow(1, 0, count));
    }
    return pairs.empty() ? z * 0 : plugins::unit(at::cat(pairs, 1));  // one cell has no order
  }

  double sharpness_;
  int64_t distances_;
};

}  // namespace

ATTUNE_PLUGIN("rank", ATTUNE_VERSION, registry) { registry.add_correlation<Rank>(descriptor()); }
