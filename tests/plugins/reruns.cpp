// A matcher that computes again, on the input itself, the maps that have the input's resolution.
#include <stdexcept>

#include "fixture.h"

namespace {

class Again : public attune::ResolutionMatcher {
 public:
  explicit Again(const attune::Parameters& parameters) : fail_(parameters.string("fail")) {}

  attune::Reruns reruns(const std::vector<attune::MapInfo>& maps) const override {
    if (fail_ == "standard") throw std::invalid_argument("broken\nwith a trace");
    if (fail_ == "other") throw 42;
    attune::Reruns reruns;
    for (size_t i = 0; i < maps.size(); ++i) {
      if (maps[i].at_input_resolution) reruns.maps.push_back(i);
    }
    return reruns;
  }

  attune::MatchedPairs match(attune::MatchContext& context,
                             const std::vector<attune::AttentionMap>& maps) const override {
    attune::MatchedPairs pairs;
    for (const size_t i : reruns(context.maps()).maps) {
      pairs.emplace_back(maps[i], context.recompute(i, context.input()));
    }
    return pairs;
  }

 private:
  std::string fail_;
};

}  // namespace

ATTUNE_PLUGIN("reruns", "1.0.0", registry) {
  attune::Descriptor again = described("again");
  again.parameters = {attune::choice("fail", "no", {"no", "standard", "other"}, "How reruns() fails")};
  registry.add_matcher<Again>(again);
}
