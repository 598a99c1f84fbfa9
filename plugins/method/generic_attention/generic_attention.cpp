// How much of each patch of the input arrives, for one class, at a transformer's class token: attention is followed
// through all blocks as in `rollout`, but what counts of each probability is what the class score gains by it. The map
// has the size of the patches' grid, one channel, and no sign.
//
// ## Equation
//
// With the probabilities `A_l` `[H,T,T]` of block `l` (T tokens) and the score `y` of the class:
//
// ```
// B_l = mean_h  relu( dy/dA_l * A_l )
// R_0 = I,    R_l = R_(l-1) + B_l R_(l-1)
// map = R_L(class token, patches)           query=mean: mean_q R_L(q, patches)
// ```
//
// Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
// Transformers", 2021, equations 5 and 6, for models of one kind of token. Where a last block pools (its queries are
// not its tokens), there is no residual connection, and `R_L = B_L R_(L-1)`. A block that looks at another number of
// positions than the one before left is refused, as are windows that attend each for itself (Swin).
//
// ## Parameters
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, that opens fused attention and keeps the probabilities of
// all blocks, H x T x T numbers each, and one backward pass per class from the score to the first block.
//
// ## Where it misleads
//
// - Values, the linear layers between the blocks and what residual connections really carry do not enter; `attn_lrp`
//   has them.
// - Only what speaks for the class is followed. A patch that decides against it is dark, like one that does not matter.
// - A probability times its gradient says what a small change would do. Where softmax has settled on one position, the
//   gradient of all is about zero, and the block seems to do nothing.
// - Some models park attention on patches without content (registers were made against that); they show as bright spots
//   in empty corners.
//
// ## Example
//
// ```sh
// attune heatmap vit.pt photo.jpg --method generic_attention --method rollout --target top3
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "What attention hands on for the class, against what its score is sensitive to",
//   "target": "top1",
//   "maps": {
//     "relevance": {"use": "generic_attention", "query": "auto"},
//     "saliency": {"use": "saliency", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["relevance", "saliency"], "match": {"use": "pool"}, "compare": "pearson"}
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

constexpr const char* id = "generic_attention";

Descriptor descriptor() {
  Descriptor d;
  d.id = id;
  d.title = "Generic attention";
  d.summary = "How much of each patch arrives at the class token when what the class gains by attention is followed";
  d.groups = {"attention"};
  d.citation = "Chefer et al. 2021 (Generic Attention-model Explainability), Eq. 5 and 6";
  d.formula = "R <- R + mean_h max(0, g P) R, block by block";
  d.misleads = "What speaks against the class is dark, like what does not matter";
  d.reads = {"attention", "gradients"};
  d.models = {"ViT"};
  d.parameters = {plugins::query_parameter()};
  d.forward_passes = 1;
  d.backward_passes = 1;
  return d;
}

class GenericAttention final : public AttentionMethod {
 public:
  explicit GenericAttention(const Parameters& parameters) : query_(parameters.string("query")) {}

  Needs needs(const Model& model) const override {
    const auto blocks = plugins::attention_blocks(model, id);
    Needs needs = plugins::needs_attention(blocks, blocks.front());
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const auto blocks = plugins::attention_blocks(pass.model(), id);
    std::vector<at::Tensor> probabilities;
    for (const std::string& block : blocks) probabilities.push_back(pass.captured({block, Capture::attention}));
    const auto gradients = pass.gradients(pass.score(target), probabilities);
    at::Tensor relevance;  // [N,Q,T]
    for (size_t i = 0; i < blocks.size(); ++i) {
      const at::Tensor step = (gradients[i] * probabilities[i]).relu().mean(1);
      if (relevance.defined()) plugins::check_follows(id, blocks[i], step, relevance);
      const at::Tensor before = relevance.defined() ? relevance : at::eye(step.size(2), step.options()).unsqueeze(0);
      const at::Tensor handed_on = at::matmul(step, before);
      relevance = plugins::is_square(step) ? before + handed_on : handed_on;
    }
    const at::Tensor grid = pass.activation(blocks.front());
    return {plugins::as_grid(plugins::taken_of_patches(relevance, grid, query_, id), grid), false, blocks};
  }

 private:
  std::string query_;
};

}  // namespace

ATTUNE_PLUGIN("generic_attention", ATTUNE_VERSION, registry) { registry.add_method<GenericAttention>(descriptor()); }
