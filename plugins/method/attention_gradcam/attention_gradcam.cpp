// Grad-CAM with attention heads as its channels: how much of each patch the class token takes in, in the heads that the
// class score gains from. The map has the size of the patches' grid and one channel.
//
// ## Equation
//
// With the probabilities `A` `[H,T,T]` of a block, the class token's row `A_h(cls, p)` over the patches `p`, and the
// score `y` of the class:
//
// ```
// w_h    = mean_p  dy/dA_h(cls, p)
// map(p) = mean_h  w_h A_h(cls, p)                    query=mean: mean_q A_h(q, p), mean_q,p dy/dA_h(q, p)
// relu=true: max(map, 0)
// ```
//
// The Grad-CAM of Chefer, Gur and Wolf, "Transformer Interpretability Beyond Attention Visualization", 2021, section 4,
// to which their own method is compared. Their published code has the rectifier, behind the mean over heads (`relu`),
// and scales the map to 0..1, which is left to the picture.
//
// ## Parameters
//
// `layer` is a block that `attune layers --json` marks with `"attention"`; `auto` is the last of them.
//
// ## Cost
//
// One forward pass, shared with the other methods of the run, that opens fused attention, and one backward pass per
// class from the score to the block.
//
// ## Where it misleads
//
// - It sees one block. What the tokens of the patches hold by then may have come from anywhere; `generic_attention`
//   follows it back.
// - One weight is all that a head gets: a head that speaks for the class at one patch and against it at another is
//   judged by the mean.
// - Often few heads have a positive weight: with `relu` the map is a few dots then, or empty.
//
// ## Example
//
// ```sh
// attune heatmap vit.pt photo.jpg --method attention_gradcam --method generic_attention
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM of attention heads, against the relevance that all blocks hand on",
//   "target": "top1",
//   "maps": {
//     "heads": {"use": "attention_gradcam"},
//     "relevance": {"use": "generic_attention", "query": "auto"}
//   },
//   "terms": [
//     {"maps": ["heads", "relevance"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <string>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/attention.h"

namespace {

using namespace attune;

constexpr const char* id = "attention_gradcam";

Descriptor descriptor() {
  Descriptor d;
  d.id = id;
  d.title = "Attention Grad-CAM";
  d.summary =
      "Attention of a block to the patches, its heads weighted by the mean gradient of the class score and summed";
  d.groups = {"attention"};
  d.citation = "Chefer et al. 2021 (Transformer Interpretability), section 4; Selvaraju et al. 2017";
  d.formula = "mean_h mean_p(g_h) P_h, of one block";
  d.misleads = "It sees one block: what the patches hold by then may have come from anywhere";
  d.reads = {"attention", "gradients"};
  d.models = {"ViT"};
  d.parameters = {
      layer("layer", "auto", "Attention block; auto is the model's last"),
      plugins::query_parameter(),
      boolean("relu", false, "Drop what speaks against the class, as the published code does"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  return d;
}

class AttentionGradCam final : public AttentionMethod {
 public:
  explicit AttentionGradCam(const Parameters& parameters)
      : layer_(parameters.string("layer")), query_(parameters.string("query")), relu_(parameters.boolean("relu")) {}

  Needs needs(const Model& model) const override {
    const auto blocks = plugins::attention_blocks(model, id);
    Needs needs = plugins::needs_attention({block(blocks)}, blocks.front());
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const auto blocks = plugins::attention_blocks(pass.model(), id);
    const at::Tensor probabilities = pass.captured({block(blocks), Capture::attention});
    const at::Tensor grid = pass.activation(blocks.front());
    const auto row = [&](const at::Tensor& all) { return plugins::taken_of_patches(all, grid, query_, id); };
    const at::Tensor gradient = row(pass.gradients(pass.score(target), {probabilities})[0]);
    const at::Tensor map = (gradient.mean(2, /*keepdim=*/true) * row(probabilities)).mean(1);
    return {plugins::as_grid(relu_ ? map.relu() : map, grid), false, {block(blocks)}};
  }

 private:
  const std::string& block(const std::vector<std::string>& blocks) const {
    return layer_ == "auto" ? blocks.back() : layer_;
  }

  std::string layer_;
  std::string query_;
  bool relu_;
};

}  // namespace

ATTUNE_PLUGIN("attention_gradcam", ATTUNE_VERSION, registry) { registry.add_method<AttentionGradCam>(descriptor()); }
