// A correlation as somebody outside of attune's tree writes it.

#include <ATen/TensorOperators.h>

#include <attune/sdk/plugin.h>

namespace {

attune::Descriptor descriptor() {
  attune::Descriptor d;
  d.id = "outside.overlap";
  d.title = "Overlap";
  d.summary = "Mean product of two maps";
  d.citation = "none";
  d.symmetric = true;
  d.minimum = -1e9;
  d.maximum = 1e9;
  return d;
}

class Overlap final : public attune::Correlation {
 public:
  explicit Overlap(const attune::Parameters&) {}

  at::Tensor correlate(const attune::AttentionMap& a, const attune::AttentionMap& b) const override {
    return (a.values * b.values).flatten(1).mean(1);
  }
};

}  // namespace

ATTUNE_PLUGIN("outside.overlap", "1.0", registry) { registry.add_correlation<Overlap>(descriptor()); }
