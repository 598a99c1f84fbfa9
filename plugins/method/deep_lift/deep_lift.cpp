// How much each entry of the input adds to the class score, counted from a baseline that stands for nothing: what
// differs between the two is followed through the network, activation by activation. The map has the size of the input
// and a sign, and it is complete: its sum is the score of the input minus the score of the baseline.
//
// ## Equation
//
// With the input `x`, the baseline `b`, and the values `z` before and `f` behind every activation for either:
//
// ```
// gradient:    m(z) = f'(z)  m(f)
// rescale:     m(z) = (f(x) - f(b)) / (z(x) - z(b))  m(f)
// map        = sum_c  (x - b)  m(x)
// ```
//
// Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017, section 3.5.2; at
// the top `m` is 1 for the class score, and linear layers hand it on as they do a gradient. Pooling by maxima hands on
// what the maximum gains to where it is now, and what it loses to where the baseline's is. Where `z(x)` and `z(b)` are
// about equal the rule is the derivative.
//
// It reaches ReLU and its relatives, GELU, SiLU, softplus, tanh and sigmoid, also written out, and pooling by maxima.
// Products of two tensors that depend on the input, softmax and norms of the input's own statistics (layer norm) keep
// their derivatives: for transformers the map is not complete. The RevealCancel rule is not here.
//
// ## Parameters
//
// `channels` as in `saliency`, but of the product: `sum`, the default, is the share of the pixel. The baseline is one
// number for all entries, as the model sees them: with the usual preprocessing 0 is the mean colour.
//
// ## Cost
//
// Beside the pass that is shared with the other methods of the run two forward passes of twice as many rows, inputs and
// baselines, for all classes, and one backward pass of twice as many rows for each. It is the cheap relative of
// `integrated_gradients`.
//
// ## Where it misleads
//
// - Entries that equal the baseline get nothing, whatever they mean: with a black baseline, black objects are
//   invisible.
// - The slopes are those of one straight step from the baseline for each activation by itself, which the network as a
//   whole does not go: what two inputs do only together is shared out by how the layers happen to be cut (Ancona et
//   al., "Towards Better Understanding of Gradient-based Attribution Methods for Deep Neural Networks", 2018).
// - Two networks that compute the same function may have two maps.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method deep_lift --method integrated_gradients
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "DeepLIFT, pooled, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "shares": {"use": "deep_lift", "baseline": 0, "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "shares"], "match": {"use": "pool", "kind": "average"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>
#include <attune/sdk/rules.h>

#include "common/input_gradient.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "deep_lift";
  d.title = "DeepLIFT";
  d.summary = "Input minus baseline, times the slope of the class score by what every activation differs in";
  d.groups = {"gradient"};
  d.citation = "Shrikumar et al. 2017, section 3.5.2 (rescale)";
  d.formula = "sum_c (x_c - b) m_c, m slopes between b and x, activation by activation";
  d.misleads = "What equals the baseline gets nothing, whatever it means";
  d.reads = {"input gradients", "rules"};
  d.parameters = {
      real("baseline", 0, {-1e6, 1e6}, "Every entry of the input that stands for nothing, as the model sees it"),
      plugins::channels_parameter("sum"),
  };
  d.forward_passes = 3;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

class DeepLift final : public AttentionMethod {
 public:
  explicit DeepLift(const Parameters& parameters)
      : baseline_(parameters.real("baseline")), channels_(parameters.string("channels")) {}

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // Inputs and baselines are two halves of one pass, which serves every target.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor& input = pass.input();
    const int64_t rows = input.size(0);
    const auto both = pass.model().forward(at::cat({input, at::full_like(input, baseline_)}), {}, pass.wants_graph());
    auto* rules = static_cast<PropagationRules*>(both->extension(PropagationRules::id));
    if (rules == nullptr) throw Error(Fault::run, "deep_lift needs an attune with the extension \"attune.rules/2\"");
    const at::Tensor sample = at::arange(rows, input.options().dtype(at::kLong)), halves = at::cat({sample, sample});
    std::vector<AttentionMap> maps;
    for (const Target& target : targets) {
      const Target of_both = target.select(halves);
      const at::Tensor slopes = rules->gradients(of_both, {both->input()}, BackwardRules::differences, {}, {})[0];
      const at::Tensor shares = (input - baseline_) * slopes.narrow(0, 0, rows);
      maps.push_back({plugins::reduce_channels(shares, channels_), true});
    }
    return maps;
  }

 private:
  double baseline_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("deep_lift", ATTUNE_VERSION, registry) { registry.add_method<DeepLift>(descriptor()); }
