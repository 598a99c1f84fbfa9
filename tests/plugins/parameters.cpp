// A plugin that is fine: methods with parameters of every type, and with none.
#include "fixture.h"

namespace {

class Input : public attune::AttentionMethod {
 public:
  explicit Input(const attune::Parameters&) {}
  attune::Needs needs(const attune::Model&) const override { return {}; }
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target&) const override { return {pass.input(), true}; }
};

}  // namespace

ATTUNE_PLUGIN("parameters", "1.0", registry) {
  attune::Descriptor sketch = described("sketch");
  sketch.parameters = {
      attune::integer("steps", 8, {1, 100}, "Integer"), attune::real("scale", 1, {0, 10}, "Real"),
      attune::list("sizes", {1}, {0, 5}, "List"),       attune::list("angles", {0}, {-360, 360}, "Another list"),
      attune::boolean("relu", false, "Boolean"),        attune::choice("channels", "keep", {"keep", "sum"}, "Choice"),
      attune::layer("layer", "auto", "Layer"),          attune::string("note", "", "String"),
  };
  sketch.groups = {"drawn", "cam"};
  registry.add_method<Input>(sketch);
  registry.add_method<Input>(described("plain"));
  attune::Descriptor other = described("acme.plain");
  other.groups = {"cam"};
  registry.add_method<Input>(other);
  registry.add_correlation<Dot>(described("dot"));
}
