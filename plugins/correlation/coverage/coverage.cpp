// The consistency of two layers' attention: Wang et al. 2019, "Sharpen Focus: Learning with Attention Separability and
// Consistency".

#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "coverage";
  d.title = "Coverage";
  d.summary = "Share of the first map's positive mass that lies inside a soft mask of the second map's peaks";
  d.citation = "Wang et al. 2019 (ICCV), attention consistency L_AC, without its constant";
  d.parameters = {
      real("threshold", 0.55, {0, 1}, "Share of the second map's maximum where its mask is one half"),
      real("sharpness", 100.0, {1e-3, 1e4}, "Steepness of the mask's border"),
  };
  d.minimum = 0;
  d.maximum = 1;
  return d;
}

class Coverage final : public Correlation {
 public:
  explicit Coverage(const Parameters& parameters)
      : threshold_(parameters.real("threshold")), sharpness_(parameters.real("sharpness")) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor mass = plugins::rescaled(at::relu(a.values.flatten(1)));
    const at::Tensor total = mass.sum(1, /*keepdim=*/true);
    const at::Tensor rows = b.values.flatten(1);
    const at::Tensor peak = rows.amax(1, /*keepdim=*/true);
    // A peak that is nothing beside the map's negative part counts as none: the quotient would overflow.
    const at::Tensor magnitude = rows.detach().abs().amax(1, /*keepdim=*/true);
    const at::Tensor has_peak = (peak > plugins::smallest_magnitude(rows)).logical_and(peak > 1e-12 * magnitude);
    const at::Tensor mask = at::sigmoid(sharpness_ * (rows / plugins::safe(peak, has_peak) - threshold_)) * has_peak;
    return ((mass * mask).sum(1, true) / plugins::safe(total, total > 0.5)).squeeze(1);
  }

 private:
  double threshold_;
  double sharpness_;
};

}  // namespace

ATTUNE_PLUGIN("coverage", ATTUNE_VERSION, registry) { registry.add_correlation<Coverage>(descriptor()); }
