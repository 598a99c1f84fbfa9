// One map from one forward pass; what compute_maps and matchers that recompute maps share.
#pragma once

#include <cstdint>
#include <vector>

#include <attune/maps.h>

namespace attune {

using MapRequests = std::vector<const MapRequest*>;

// The union over all requests, for `targets` maps of each.
Needs union_of_needs(const Model& model, const MapRequests& requests, int64_t targets);

// `seed` of the method's random draws. Throws Error(Fault::run) when the method gives no map of the pass's batch or one
// that is not finite.
AttentionMap attend(const MapRequest& request, Pass& pass, const Target& target, uint64_t seed);

}  // namespace attune
