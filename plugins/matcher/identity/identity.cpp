// Pairs maps that already have one size, and changes nothing. It is for two methods at one layer, for two gradients of
// the input, or for a check that no resizing happens unnoticed.
//
// ## Equation
//
// ```
// map = A
// ```
//
// Every map is compared with every other. All maps need the same extents and the same number of channels. Otherwise the
// error names both maps and their sizes; `upsample` and `pool` bring them to one size, and `channels` of the gradient
// methods reduces their channels.
//
// ## Cost
//
// None.
//
// ## Where it misleads
//
// - Equal sizes do not mean equal places: a layer's map and a small input can have the same extents by accident.
// - Two maps made from the same gradient agree for that reason alone.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Two gradients of the input, which have one size",
//   "target": "top1",
//   "maps": {
//     "saliency": {"use": "saliency", "channels": "abs_sum"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["saliency", "gb"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

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
