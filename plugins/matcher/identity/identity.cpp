// Maps of one size, compared as they are.

#include <attune/sdk/plugin.h>

#include "common/matching.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "identity";
  d.title = "As they are";
  d.summary = "Maps that already have one size, unchanged";
  d.citation = "No paper: nothing is computed";
  return d;
}

class Identity final : public ResolutionMatcher {
 public:
  explicit Identity(const Parameters&) {}

  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    plugins::check_comparable(context, maps);
    for (size_t i = 1; i < maps.size(); ++i) {
      if (maps[i].values.sizes() == maps[0].values.sizes()) continue;
      throw Error(Fault::run, "maps " + plugins::named(context.maps()[0].name, maps[0].values) + " and " +
                                  plugins::named(context.maps()[i].name, maps[i].values) +
                                  " differ in size; match them with \"upsample\" or \"pool\"");
    }
    return plugins::pairs_of(maps);
  }
};

}  // namespace

ATTUNE_PLUGIN("identity", ATTUNE_VERSION, registry) { registry.add_matcher<Identity>(descriptor()); }
