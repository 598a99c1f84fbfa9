// How far apart two maps are as distributions over places: minus the divergence of Jensen and Shannon. 0 when both say
// the same, minus the logarithm of 2 when they share no place.
//
// ## Equation
//
// With maps `a` and `b` of one sample, the softmax over positions and channels, and the divergence `KL` of Kullback and
// Leibler:
//
// ```
// p = softmax(a / temperature)      q = softmax(b / temperature)      m = (p + q) / 2
// h = - ( KL(p || m) + KL(q || m) ) / 2
// ```
//
// Cugu et al., "Attention Consistency on Visual Corruptions for Single-Source Domain Generalization", 2022
// (ACVC).
//
// ## Parameters
//
// The higher `temperature`, the flatter both distributions are. An offset of a map does not matter, its scale does.
//
// ## Cost
//
// Two softmaxes over the maps.
//
// ## Where it misleads
//
// - Maps of small values are flat distributions, all alike, with a value near 0: normalise them, or lower the
//   temperature.
// - Maps of large values are single cells, and their neighbours have hardly a gradient.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation as distributions over places",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": "pool",
//       "normalise": "standardise",
//       "compare": {"use": "js", "temperature": 0.5}
//     }
//   ]
// }
// ```

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logaddexp.h>
#include <cmath>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "js";
  d.title = "Jensen-Shannon divergence";
  d.summary = "Minus the Jensen-Shannon divergence of the softmax of two maps over all positions and channels";
  d.citation = "Lin 1991; Cugu et al. 2022 (ACVC)";
  d.parameters = {real("temperature", 1.0, {1e-3, 1e3}, "What maps are divided by before the softmax")};
  d.symmetric = true;
  d.minimum = -std::log(2);
  d.maximum = 0;
  return d;
}

class JensenShannon final : public Correlation {
 public:
  explicit JensenShannon(const Parameters& parameters) : temperature_(parameters.real("temperature")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor p = log_of(a), q = log_of(b);
    const at::Tensor middle = at::logaddexp(p, q) - std::log(2);
    return -(divergence(p, middle) + divergence(q, middle)) / 2;
  }

 private:
  at::Tensor log_of(const AttentionMap& map) const { return at::log_softmax(map.values.flatten(1) / temperature_, 1); }

  static at::Tensor divergence(const at::Tensor& of, const at::Tensor& from) { return (of.exp() * (of - from)).sum(1); }

  double temperature_;
};

}  // namespace

ATTUNE_PLUGIN("js", ATTUNE_VERSION, registry) { registry.add_correlation<JensenShannon>(descriptor()); }
