// Pearson's correlation coefficient: Pearson 1895; Mirzazadeh et al. 2022 (ATCON).

#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "pearson";
  d.title = "Pearson correlation";
  d.summary =
      "Pearson coefficient over all positions and channels: 1 when one map is a rising linear function of the other";
  d.citation = "Pearson 1895; Mirzazadeh et al. 2022";
  d.symmetric = true;
  d.affine_invariant = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

class Pearson final : public Correlation {
 public:
  explicit Pearson(const Parameters&) {}

  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return (direction(a) * direction(b)).sum(1);
  }

 private:
  static at::Tensor direction(const AttentionMap& map) {
    const at::Tensor rows = map.values.flatten(1);
    return plugins::unit(rows - rows.mean(1, /*keepdim=*/true));
  }
};

}  // namespace

ATTUNE_PLUGIN("pearson", ATTUNE_VERSION, registry) { registry.add_correlation<Pearson>(descriptor()); }
