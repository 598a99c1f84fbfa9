// Which parts of the input the class score depends on, found by hiding random parts of it: the mean of random masks,
// each weighted by the score of what it leaves. No gradient is taken. The map has the size of the input, one channel,
// and a sign.
//
// ## Equation
//
// With `M` masks `m_i` between 0 (hidden) and 1 (kept), probability `p` that a cell is kept, and score `y` of the
// class:
//
// ```
// map(s) = 1 / (M p)  sum_i  (y(x m_i) - c) m_i(s)        c = mean of y(x m_i);  centred=false: c = 0
// ```
//
// Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018, Eq. 6, has `c = 0`. Then
// the map is the class's score everywhere and the differences that matter are small beside it; centred, it is 0 where
// hiding makes no difference, positive where the class needs what is there. A mask is a grid of `cells` along each
// axis, each kept with probability `p`; it is enlarged with linear interpolation to one cell more than the input has,
// and cropped at a random shift within a cell (section 3.2). Every sample of a batch gets the same masks.
//
// The score is the model's raw output, as everywhere in attune, where the paper's experiments take probabilities:
// `--target top1:of=probability` is that.
//
// ## Parameters
//
// Hidden parts are 0 as the model sees them, the mean colour after the usual normalisation.
//
// ## Cost
//
// `masks` forward passes for each input, for all classes at once, without gradients and in chunks: neither the masks
// nor the masked inputs exist all at once, so that memory does not grow with `masks`. The paper takes 4000 to 8000. In
// a loss all of them are recorded: take 32 there, as the next call draws others.
//
// ## Where it misleads
//
// - The map is noisy; its error shrinks with the square root of `masks` only. Uncentred, a score far from 0 adds the
//   unevenness of the masks. Look at two numbers of masks before you believe a detail.
// - What a mask leaves is no natural picture; the model may react to its edges.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method rise:masks=4000
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and RISE of few masks, drawn anew for every batch",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "rise": {"use": "rise", "masks": 32}
//   },
//   "terms": [
//     {"maps": ["cam", "rise"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/variants.h"

namespace {

using namespace attune;

constexpr int64_t default_masks = 1000;
constexpr int64_t chunk = 64;  // masks that exist at once where the method adds them up

Descriptor descriptor() {
  Descriptor d;
  d.id = "rise";
  d.title = "RISE";
  d.summary = "Mean of random masks of the input, each weighted by the class score of what it leaves";
  d.citation = "Petsiuk et al. 2018, Eq. 6";
  d.formula = "sum_n y(x m_n) m_n / (N p)";
  d.misleads = "Few masks leave noise that looks like texture, and zero means nothing";
  d.reads = {"answers"};
  d.groups = {"perturbation"};
  d.parameters = {
      integer("masks", default_masks, {2, 100000}, "How many masks are drawn"),
      integer("cells", 7, {2, 64}, "Cells of a mask's grid along each axis of the input"),
      real("probability", 0.5, {0.01, 0.99}, "How probably a cell is kept"),
      boolean("centred", true, "Subtract the masks' mean score: what makes no difference is 0"),
  };
  d.deterministic = false;
  d.forward_passes = 1 + default_masks;
  d.at_input_resolution = true;
  return d;
}

// The masks of one map: grids of kept (1) and hidden (0) cells, enlarged with linear interpolation to one cell more
// than the input has, and cropped at a random shift of less than a cell.
class Masks {
 public:
  // Draws, on the processor and in float32 so that a seed means the same masks everywhere: first grids, then shifts.
  Masks(int64_t count, int64_t cells, double probability, const at::Tensor& input, at::Generator generator)
      : cells_(cells), like_(input.detach()), extents_(input.sizes().slice(2).vec()) {
    std::vector<int64_t> shape(extents_.size() + 2, cells);
    shape[0] = count;
    shape[1] = 1;
    grids_ = (at::rand(shape, generator, at::kFloat) < probability).to(input.options());
    shifts_ = at::rand({count, input.dim() - 2}, generator, at::kFloat).to(input.options());
  }

  // [rows,1,S1..Sd]
  at::Tensor operator()(const at::Tensor& rows) const {
    at::Tensor masks = grids_.index_select(0, rows);
    const at::Tensor shifts = shifts_.index_select(0, rows);
    for (size_t axis = 0; axis < extents_.size(); ++axis) {
      at::Tensor shares = cell_shares(shifts.select(1, static_cast<int64_t>(axis)), extents_[axis]);
      while (shares.dim() < masks.dim()) shares = shares.unsqueeze(1);
      masks = at::matmul(masks.movedim(2, -1), shares);  // the cells of this axis become its positions
    }
    return masks;
  }

 private:
  // [rows,cells,extent]: how much each cell counts at each position of one axis.
  at::Tensor cell_shares(const at::Tensor& shifts, int64_t extent) const {
    const auto cells = static_cast<double>(cells_);
    const double size = std::ceil(static_cast<double>(extent) / cells);
    const at::Tensor pixels = at::arange(extent, like_.options()) + (shifts * size).floor().unsqueeze(1);
    const at::Tensor places = (pixels + 0.5) * (cells / ((cells + 1) * size)) - 0.5;  // between the cells' centres
    const at::Tensor centres = at::arange(cells_, like_.options()).unsqueeze(1);
    return (1 - (places.clamp(0, cells - 1).unsqueeze(1) - centres).abs()).clamp_min(0);
  }

  int64_t cells_;
  at::Tensor like_;
  std::vector<int64_t> extents_;  // S1..Sd of the input
  at::Tensor grids_;              // [count,1,cells..cells]
  at::Tensor shifts_;             // [count,d], in cells
};

class Rise final : public AttentionMethod {
 public:
  explicit Rise(const Parameters& parameters)
      : count_(parameters.integer("masks")),
        cells_(parameters.integer("cells")),
        probability_(parameters.real("probability")),
        centred_(parameters.boolean("centred")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.forward_passes = 1 + static_cast<double>(count_);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // The same masks for every sample and target.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor& input = pass.input();
    const Masks masks(count_, cells_, probability_, input, pass.generator());
    const auto masked = [&](const at::Tensor& sample, const at::Tensor& mask) {
      return input.index_select(0, sample) * masks(mask);
    };
    std::vector<AttentionMap> maps;
    for (at::Tensor scores : plugins::scores_of(pass, targets, count_, masked)) {
      if (centred_) scores = scores - scores.mean(1, /*keepdim=*/true);
      maps.push_back({weighted(masks, scores, input), true});
    }
    return maps;
  }

 private:
  // Eq. 6: sum over masks of score x mask / (count x probability), [N,1,S1..Sd].
  at::Tensor weighted(const Masks& masks, const at::Tensor& scores, const at::Tensor& input) const {
    auto shape = input.sizes().vec();
    shape[1] = 1;
    at::Tensor sum = at::zeros(shape, input.options()).flatten(1);
    for (int64_t begin = 0; begin < count_; begin += chunk) {
      const int64_t end = std::min(begin + chunk, count_);
      const at::Tensor numbers = at::arange(begin, end, input.options().dtype(at::kLong));
      sum = sum + at::matmul(scores.slice(1, begin, end), masks(numbers).flatten(1));
    }
    return sum.view(shape) / (static_cast<double>(count_) * probability_);
  }

  int64_t count_;
  int64_t cells_;
  double probability_;
  bool centred_;
};

}  // namespace

ATTUNE_PLUGIN("rise", ATTUNE_VERSION, registry) { registry.add_method<Rise>(descriptor()); }
