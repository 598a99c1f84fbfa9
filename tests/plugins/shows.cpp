// A matcher that shows what it likes when it likes, and a method whose maps of bright pictures cannot be drawn.
#include <ATen/TensorOperators.h>

#include "fixture.h"

namespace {

// [N], by the mean of the normalised input.
at::Tensor is_bright(const at::Tensor& input) { return input.flatten(1).mean(1) > 0; }

class Mirror : public attune::ResolutionMatcher {
 public:
  explicit Mirror(const attune::Parameters& parameters) : shows_(parameters.string("shows")) {}

  attune::Reruns reruns(const std::vector<attune::MapInfo>&) const override { return {{0}, {}}; }

  attune::MatchedPairs match(attune::MatchContext& context,
                             const std::vector<attune::AttentionMap>& maps) const override {
    const at::Tensor& input = context.input();
    if (shows_ == "light" && is_bright(input).any().item<bool>()) {
      context.show("light", attune::Shown::mask, input.sigmoid());
    }
    if (shows_ == "number") context.show("number", attune::Shown::mask, input.mean());
    if (shows_ == "root") {  // not a number where the mean is negative
      const at::Tensor root = input.flatten(1).mean(1).sqrt().view({-1, 1, 1, 1});
      context.show("root", attune::Shown::mask, root.expand({-1, 1, 8, 8}));
    }
    attune::AttentionMap again = context.recompute(0, input.flip({-1}));
    again.values = again.values.flip({-1});
    return {{maps[0], again}};
  }

 private:
  std::string shows_;
};

class Steep : public attune::AttentionMethod {
 public:
  explicit Steep(const attune::Parameters&) {}
  attune::Needs needs(const attune::Model&) const override { return {}; }
  attune::AttentionMap attend(attune::Pass& pass, const attune::Target&) const override {
    const at::Tensor height = is_bright(pass.input()).to(at::kFloat) * 3e38 + 1;  // finite, but not the sum of two
    return {height.view({-1, 1, 1, 1}).expand({-1, 2, 8, 8}), false};
  }
};

}  // namespace

ATTUNE_PLUGIN("shows", "1.0.0", registry) {
  attune::Descriptor mirror = described("mirror");
  mirror.parameters = {
      attune::choice("shows", "nothing", {"nothing", "light", "number", "root"}, "What it shows of its input")};
  registry.add_matcher<Mirror>(mirror);
  registry.add_method<Steep>(described("steep"));
}
