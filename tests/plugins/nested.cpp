// Methods made of other methods: one that hands its nested method's map on, one whose default is itself, one without a
// default.
#include <memory>

#include "fixture.h"

namespace {

class Input : public attune::AttentionMethod {
 public:
  explicit Input(const attune::Parameters& parameters) : scale_(parameters.real("scale")) {}
  attune::Needs needs(const attune::Model&) const override { return {}; }
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target&) const override {
    return {pass.input().mul(scale_), true};
  }

 private:
  double scale_;
};

class Wrap : public attune::AttentionMethod {
 public:
  Wrap(const attune::Parameters&, attune::Parts& parts) : Wrap(parts.method("of")) {}
  explicit Wrap(std::unique_ptr<attune::AttentionMethod> of) : of_(std::move(of)) {}
  attune::Needs needs(const attune::Model& model) const override { return of_->needs(model); }
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target& target) const override {
    return of_->attend(pass, target);
  }

 private:
  std::unique_ptr<attune::AttentionMethod> of_;
};

// Three times as large as it is told.
class Tripled : public Wrap {
 public:
  Tripled(const attune::Parameters& parameters, attune::Parts& parts)
      : Wrap(parts.method("of", {{"scale", 3 * std::get<double>(parameters.method("of").parameters.at("scale"))}})) {}
};

attune::Descriptor wrapping(const std::string& id, attune::ComponentSpec of) {
  attune::Descriptor descriptor = described(id);
  descriptor.parameters = {attune::method("of", std::move(of), "Method"),
                           attune::integer("times", 1, {1, 9}, "Integer")};
  descriptor.resolution_of = "of";
  return descriptor;
}

}  // namespace

ATTUNE_PLUGIN("nested", "1.0", registry) {
  attune::Descriptor input = described("input");
  input.title = "Input";
  input.parameters = {attune::real("scale", 1, {0, 10}, "Real"), attune::layers("layers", {"auto"}, "Layers"),
                      attune::layer("layer", "auto", "Layer")};
  input.differentiable = false;
  input.ranks = {2};
  input.at_input_resolution = true;
  registry.add_method<Input>(input);
  registry.add_method<Wrap>(wrapping("wrap", {"input", {{"scale", 2.0}}}));
  registry.add_method<Wrap>(wrapping("needy", {}));
  registry.add_method<Wrap>(wrapping("loop", {"loop", {}}));
  registry.add_method<Tripled>(wrapping("tripled", {"input", {}}));
}
