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

#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "rollout";
  d.title = "Attention rollout";
  d.summary = "How much of each patch arrives at the class token when attention is followed through all blocks";
  d.citation = "Abnar and Zuidema 2020, section 3";
  d.groups = {"attention"};
  d.parameters = {
      choice("heads", "mean", {"mean", "max", "min"}, "How the heads of a block become one"),
      real("discard", 0, {0, 0.999}, "Share of each block's smallest probabilities that count as zero"),
      choice("query", "auto", {"auto", "class_token", "mean"},
             "Whose sources are shown; auto is the class token, or the mean over all positions where there is none"),
  };
  d.forward_passes = 1;
  return d;
}

std::vector<std::string> attention_blocks(const Model& model) {
  std::vector<std::string> blocks;
  for (const LayerInfo& layer : model.layers()) {
    if (layer.attention) blocks.push_back(layer.name);
  }
  if (blocks.empty()) {
    throw Error(Fault::input, "rollout follows attention from block to block, and the model has no attention block");
  }
  return blocks;
}

class Rollout final : public AttentionMethod {
 public:
  explicit Rollout(const Parameters& parameters)
      : heads_(parameters.string("heads")), discard_(parameters.real("discard")), query_(parameters.string("query")) {}

  // The first block's activation tells the patches' grid.
  Needs needs(const Model& model) const override {
    Needs needs;
    const auto blocks = attention_blocks(model);
    needs.captures.push_back({blocks.front()});
    for (const std::string& block : blocks) needs.captures.push_back({block, Capture::attention});
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target&) const override { return map_of(pass); }

  // No class has a part in it.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    return std::vector<AttentionMap>(targets.size(), map_of(pass));
  }

 private:
  AttentionMap map_of(Pass& pass) const {
    const auto blocks = attention_blocks(pass.model());
    at::Tensor sources;  // [N,Q,T]: what of each token of the first block has arrived at each position
    for (const std::string& block : blocks) {
      const at::Tensor step = normalised(fused(pass.captured({block, Capture::attention})));
      if (sources.defined() && step.size(2) != sources.size(1)) {
        throw Error(Fault::run, "rollout cannot follow attention into '" + block + "', which looks at " +
                                    std::to_string(step.size(2)) + " positions where the blocks before it left " +
                                    std::to_string(sources.size(1)));
      }
      sources = sources.defined() ? at::matmul(step, sources) : step;
    }
    return {patches_of(sources, pass.activation(blocks.front())), false, blocks};
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
    const bool is_square = shares.size(1) == shares.size(2);
    const at::Tensor all = is_square ? shares + at::eye(shares.size(1), shares.options()) : shares;
    const at::Tensor sum = all.sum(2, /*keepdim=*/true);
    return all / (sum + (sum == 0));
  }

  // [N,1,S1..Sd]; `like` has the grid, in front of which are the class token and its like.
  at::Tensor patches_of(const at::Tensor& sources, const at::Tensor& like) const {
    auto shape = like.sizes().vec();
    shape[1] = 1;
    const int64_t patches = like[0][0].numel(), prefix = sources.size(2) - patches;
    if (query_ == "class_token" && prefix == 0) {
      throw Error(Fault::run,
                  "rollout was asked for the class token, and the model has none; query=mean has no need of it");
    }
    const bool is_token = query_ == "class_token" || (query_ == "auto" && prefix > 0);
    const at::Tensor arrived = is_token ? sources.select(1, 0) : sources.mean(1);
    return arrived.narrow(1, prefix, patches).reshape(shape);
  }

  std::string heads_;
  double discard_;
  std::string query_;
};

}  // namespace

ATTUNE_PLUGIN("rollout", ATTUNE_VERSION, registry) { registry.add_method<Rollout>(descriptor()); }
