// How much of each patch of the input arrives at a transformer's class token when attention is followed through all
// blocks. The map has the size of the patches' grid, one channel, and no sign; it is the same for every class.
//
// ## Equation
//
// With the probabilities `A_l` `[H,T,T]` of block `l` (T tokens, each row sums to one), the heads made one and the
// residual connection taken for as much as attention:
//
// ```
// B_l = rownorm(mean_h A_l + I)
// R   = B_L ... B_2 B_1
// map = R(class token, patches)           query=mean: mean_q R(q, patches)
// ```
//
// Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 3. `heads` takes the largest or the
// smallest probability of the heads instead of their mean, and `discard` makes the smallest entries of each block's
// matrix zero before the identity is added; the blocks' rows are brought to one again after it. Both are common in
// pictures of vision transformers and not of the paper.
//
// Every layer with a softmax between positions counts (`attune layers --json` marks them with `"attention"`), fused
// attention included. Where a last block pools (its queries are not its tokens), it has no residual connection and no
// identity. A block that looks at another number of positions than the one before left is refused, as are windows that
// attend each for itself (Swin).
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, without gradients. The probabilities of all blocks are
// kept, H x T x T numbers each; fused attention is opened for that, so that the pass takes somewhat longer.
//
// ## Where it misleads
//
// - It knows nothing of the class: a picture of a dog and a cat has one map.
// - Values, the linear layers between the blocks and what residual connections really carry do not enter. A token may
//   be attended to and change nothing.
// - Through many blocks the map flattens: every position has mixed with every other. `discard` brings contrast back, at
//   the price of a number that somebody chose.
// - Some models park attention on patches without content (registers were made against that); they show as bright spots
//   in empty corners.
//
// ## Example
//
// ```sh
// attune heatmap vit.pt photo.jpg --method rollout --method clear=rollout:heads=max,discard=0.9
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Where a vision transformer's attention leads, against what its class score is sensitive to",
//   "target": "top1",
//   "maps": {
//     "rollout": {"use": "rollout", "heads": "mean"},
//     "saliency": {"use": "saliency", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["rollout", "saliency"], "match": {"use": "pool"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <string>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/attention.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "rollout";
  d.title = "Attention rollout";
  d.summary = "How much of each patch arrives at the class token when attention is followed through all blocks";
  d.citation = "Abnar and Zuidema 2020, section 3";
  d.formula = "prod_l rownorm(mean_h P_l + I)";
  d.misleads = "It knows nothing of the class, and flattens through many blocks";
  d.reads = {"attention"};
  d.models = {"ViT"};
  d.groups = {"attention"};
  d.parameters = {
      choice("heads", "mean", {"mean", "max", "min"}, "How the heads of a block become one"),
      real("discard", 0, {0, 0.999}, "Share of each block's smallest probabilities that count as zero"),
      plugins::query_parameter(),
  };
  d.forward_passes = 1;
  return d;
}

class Rollout final : public AttentionMethod {
 public:
  explicit Rollout(const Parameters& parameters)
      : heads_(parameters.string("heads")), discard_(parameters.real("discard")), query_(parameters.string("query")) {}

  Needs needs(const Model& model) const override {
    const auto blocks = plugins::attention_blocks(model, "rollout");
    return plugins::needs_attention(blocks, blocks.front());
  }

  AttentionMap attend(Pass& pass, const Target&) const override { return map_of(pass); }

  // No class has a part in it.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    return std::vector<AttentionMap>(targets.size(), map_of(pass));
  }

 private:
  AttentionMap map_of(Pass& pass) const {
    const auto blocks = plugins::attention_blocks(pass.model(), "rollout");
    at::Tensor sources;  // [N,Q,T]: what of each token of the first block has arrived at each position
    for (const std::string& block : blocks) {
      const at::Tensor step = normalised(fused(pass.captured({block, Capture::attention})));
      if (sources.defined()) plugins::check_follows("rollout", block, step, sources);
      sources = sources.defined() ? at::matmul(step, sources) : step;
    }
    const at::Tensor grid = pass.activation(blocks.front());
    return {plugins::as_grid(plugins::taken_of_patches(sources, grid, query_, "rollout"), grid), false, blocks};
  }

  // [N,H,Q,K] -> [N,Q,K]
  at::Tensor fused(const at::Tensor& probabilities) const {
    at::Tensor one = heads_ == "max"   ? probabilities.amax(1)
                     : heads_ == "min" ? probabilities.amin(1)
                                       : probabilities.mean(1);
    const at::Tensor flat = one.flatten(1);
    const auto dropped = static_cast<int64_t>(discard_ * static_cast<double>(flat.size(1)));
    if (dropped == 0) return one;
    const at::Tensor smallest = std::get<1>(flat.detach().topk(dropped, 1, /*largest=*/false));
    return flat.scatter(1, smallest, 0).view(one.sizes());
  }

  // The residual connection hands on what is there as much as attention brings. A block that pools has none. Rows sum
  // to one; a row that has lost everything stays zero.
  static at::Tensor normalised(const at::Tensor& shares) {
    const at::Tensor all = plugins::is_square(shares) ? shares + at::eye(shares.size(1), shares.options()) : shares;
    const at::Tensor sum = all.sum(2, /*keepdim=*/true);
    return all / (sum + (sum == 0));
  }

  std::string heads_;
  double discard_;
  std::string query_;
};

}  // namespace

ATTUNE_PLUGIN("rollout", ATTUNE_VERSION, registry) { registry.add_method<Rollout>(descriptor()); }
