// Where a class score would gain by more attention, in every block of a vision transformer: the gradient with respect
// to the attention probabilities, of what the tokens behind each block score by themselves. The map has the size of the
// patches' grid, one channel, and no sign.
//
// ## Equation
//
// With the probabilities `A_l` `[H,Q,T]` of block `l` and the tokens `Z_l` behind it (T of them):
//
// ```
// s_l    = the class's score when every token behind the last block is  mean_t Z_l(t)
// map(p) = mean_l  mean_h,q  relu( ds_l/dA_l(h,q,p) )                                  p: patches
// ```
//
// Bousselham et al., "LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity",
// 2025, and its published code. As all tokens that the model's head is given are the mean, it does not matter whether
// it reads the class token or all of them. The map is not scaled.
//
// The tokens behind a block are those of the outermost layer that holds the block's attention and no other's: of
// `blocks.3.attn` those of `blocks.3`. In models that end with a block that pools (SigLIP, CoCa) the published code
// takes the gradients of that block's attention for the tokens of every other; here it is a part of the head, and the
// other blocks are treated as everywhere.
//
// ## Parameters
//
// ## Cost
//
// Two forward passes, of which the first is shared with the other methods of the run and opens fused attention; it
// keeps the probabilities of all blocks and the tokens behind them. Then the head, once for every block, and for each
// class and block a backward pass from the score through the head and this block alone, together about one through all
// blocks.
//
// ## Where it misleads
//
// - Each block is judged by its own tokens, which the head was not made for: in early blocks their mean may say little
//   about any class. `last` leaves those out.
// - It does not ask how much attention there is, only what more of it would bring.
// - A mean over all positions counts patches without content as much as the object.
//
// ## Example
//
// ```sh
// attune heatmap vit.pt photo.jpg --method legrad --method late=legrad:last=2
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Where attention would help in every block, against where it leads",
//   "target": "top1",
//   "maps": {
//     "gains": {"use": "legrad", "last": 0},
//     "rollout": {"use": "rollout"}
//   },
//   "terms": [
//     {"maps": ["gains", "rollout"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <algorithm>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

#include "common/attention.h"

namespace {

using namespace attune;

constexpr const char* id = "legrad";

Descriptor descriptor() {
  Descriptor d;
  d.id = id;
  d.title = "LeGrad";
  d.summary = "Where the class score of each block's tokens would gain by more attention, mean over blocks and heads";
  d.groups = {"attention"};
  d.citation = "Bousselham et al. 2025";
  d.formula = "mean_l,h,q max(0, g_l), y read of block l's tokens";
  d.misleads = "Early blocks are judged by tokens that the head was not made for";
  d.reads = {"attention", "gradients"};
  d.models = {"ViT"};
  d.parameters = {integer("last", 0, {0, 1000}, "How many of the last blocks count; 0 is all of them")};
  d.forward_passes = 2;
  d.backward_passes = 1;
  return d;
}

// A block of attention, and the layer whose activation are the tokens behind it.
struct Stage {
  Capture attention;
  Capture tokens;
};

// The outermost layer that holds `block` and no other of `blocks`; they are known by their paths.
std::string layer_around(const std::string& block, const std::vector<std::string>& blocks, const Model& model) {
  for (size_t dot = block.find('.'); dot != std::string::npos; dot = block.find('.', dot + 1)) {
    const std::string outer = block.substr(0, dot);
    const auto holds = [&](const std::string& other) { return other != block && other.rfind(outer + ".", 0) == 0; };
    const auto is_outer = [&](const LayerInfo& layer) { return layer.name == outer; };
    const bool is_layer = std::any_of(model.layers().begin(), model.layers().end(), is_outer);
    if (is_layer && std::none_of(blocks.begin(), blocks.end(), holds)) return outer;
  }
  return block;
}

class LeGrad final : public AttentionMethod {
 public:
  explicit LeGrad(const Parameters& parameters) : last_(static_cast<size_t>(parameters.integer("last"))) {}

  Needs needs(const Model& model) const override {
    Needs needs;
    const auto all = stages(model);
    needs.captures.push_back({all.front().attention.layer});
    for (const Stage& stage : all) {
      needs.captures.push_back(stage.attention);
      needs.captures.push_back(stage.tokens);
    }
    needs.gradients = true;
    needs.gradient_calls = static_cast<int64_t>(last_ == 0 ? all.size() : std::min(last_, all.size()));
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // The head is run once for all blocks and targets.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const auto counted = counted_stages(pass);
    const at::Tensor grid = pass.activation(stages(pass.model()).front().attention.layer);
    const at::Tensor outputs = outputs_of_means(pass, counted);
    const auto count = static_cast<int64_t>(counted.size());
    std::vector<std::string> layers;
    for (const Stage& stage : counted) layers.push_back(stage.attention.layer);
    std::vector<AttentionMap> maps;
    for (const Target& target : targets) {
      const at::Tensor scores = target.repeat(count).score(outputs).view({-1, count});
      std::vector<at::Tensor> gains;
      for (int64_t l = 0; l < count; ++l) {
        const at::Tensor probabilities = pass.captured(counted[static_cast<size_t>(l)].attention);
        const at::Tensor gain = pass.gradients(scores.select(1, l), {probabilities})[0].relu().mean(1);
        gains.push_back(plugins::taken_of_patches(gain, grid, "mean", id));
      }
      maps.push_back({plugins::as_grid(at::stack(gains).mean(0), grid), false, layers});
    }
    return maps;
  }

 private:
  static std::vector<Stage> stages(const Model& model) {
    const auto blocks = plugins::attention_blocks(model, id);
    std::vector<Stage> stages;
    for (const std::string& block : blocks) {
      stages.push_back({{block, Capture::attention}, {layer_around(block, blocks, model), Capture::raw}});
    }
    return stages;
  }

  // Without a last block that pools, whose output are no tokens.
  std::vector<Stage> counted_stages(Pass& pass) const {
    std::vector<Stage> stages = LeGrad::stages(pass.model());
    while (stages.size() > 1 && !plugins::is_square(pass.captured(stages.back().attention))) stages.pop_back();
    if (last_ > 0 && last_ < stages.size()) {
      stages.erase(stages.begin(), stages.end() - static_cast<std::ptrdiff_t>(last_));
    }
    return stages;
  }

  // [N L,K]: what the model makes of the last stage's tokens when all of them are the mean of another's.
  static at::Tensor outputs_of_means(Pass& pass, const std::vector<Stage>& stages) {
    const at::Tensor last = pass.captured(stages.back().tokens);
    std::vector<at::Tensor> means;
    for (const Stage& stage : stages) {
      const at::Tensor tokens = pass.captured(stage.tokens);
      if (tokens.dim() != 3 || tokens.sizes() != last.sizes() || tokens.size(0) != pass.input().size(0)) {
        throw Error(Fault::run, std::string(id) + " needs tokens [N,T,C] behind each block, which layer '" +
                                    stage.tokens.layer + "' does not give as '" + stages.back().tokens.layer +
                                    "' does");
      }
      means.push_back(tokens.mean(1, /*keepdim=*/true).expand_as(last));
    }
    return pass.resume(stages.back().tokens, at::stack(means, 1).flatten(0, 1));
  }

  size_t last_;
};

}  // namespace

ATTUNE_PLUGIN("legrad", ATTUNE_VERSION, registry) { registry.add_method<LeGrad>(descriptor()); }
