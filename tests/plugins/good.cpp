// A plugin that is fine: a method and a correlation.
#include <stdexcept>

#include <attune/sdk/error.h>

#include "fixture.h"

namespace {

// The input times `scale`, as a map.
class Copy : public attune::AttentionMethod {
 public:
  explicit Copy(const attune::Parameters& parameters) : scale_(parameters.real("scale")) {
    const std::string& fail = parameters.string("fail");
    if (fail == "error") throw attune::Error(attune::Fault::spec, "refused by the plugin");
    if (fail == "standard") throw std::runtime_error("broken\nwith a trace");
    if (fail == "other") throw 42;
  }
  attune::Needs needs(const attune::Model&) const override { return {}; }
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target&) const override {
    return {pass.input().mul(scale_), true};
  }

 private:
  double scale_;
};

}  // namespace

ATTUNE_PLUGIN("good", "1.2.3", registry) {
  attune::Descriptor copy = described("good_copy");
  copy.parameters = {attune::real("scale", 1, {0, 10}, "Factor on the input"),
                     attune::choice("fail", "no", {"no", "error", "standard", "other"}, "How making it fails")};
  registry.add_method<Copy>(copy);
  registry.add_correlation<Dot>(described("good_dot"));
  registry.add(described("good_nothing"),
               attune::CorrelationFactory([](const attune::Parameters&) { return std::unique_ptr<Dot>(); }));
}
