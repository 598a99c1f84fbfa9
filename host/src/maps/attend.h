// One map from one forward pass; what compute_maps and matchers that recompute maps share.
#pragma once

#include <cstdint>
#include <vector>

#include <attune/maps.h>

namespace attune {

using MapRequests = std::vector<const MapRequest*>;

// What the method asks of a pass.
Needs needs_of(const MapRequest& request, const Model& model);

// The union over all requests, for `targets` maps of each.
Needs union_of_needs(const Model& model, const MapRequests& requests, int64_t targets);

// One map for each target. The method's random draws are a function of `seed` and the map's name: other maps draw other
// numbers, and this one draws the same again on another input. Throws Error(Fault::run) when the method fails, gives no
// map of the pass's batch or one that is not finite.
std::vector<AttentionMap> attend(const MapRequest& request, Pass& pass, const std::vector<Target>& targets,
                                 uint64_t seed);
AttentionMap attend(const MapRequest& request, Pass& pass, const Target& target, uint64_t seed);

}  // namespace attune
