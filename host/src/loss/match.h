// A matcher at work on the maps of one input and target.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/sdk/matcher.h>

#include "maps/attend.h"

namespace attune {

// One way to match, for all terms that share it.
struct Match {
  std::string terms;  // their names, "agreement, shape"
  MatchSpec spec;
  std::shared_ptr<const ResolutionMatcher> matcher;
  std::vector<size_t> maps;  // indices of the loss's requests
  std::vector<MapInfo> infos;
  Reruns reruns;  // indices into `maps`
};

struct Matched {
  MatchedPairs pairs;
  at::Tensor saturated;        // [N] boolean; undefined: none
  at::Tensor constant_source;  // [N] boolean: what an input was made from is constant; undefined: none
};

// One input and one of its targets, while a loss is computed.
struct MatchScene {
  Model& model;
  const std::vector<MapRequest>& requests;  // the loss's
  const at::Tensor& input;
  const Target& target;
  size_t target_index;
  bool graph;     // passes record one
  uint64_t seed;  // of random draws: a map that is computed again draws what it drew before
  LossTrace* trace;
};

// For messages: "matcher 'mask'".
std::string name_of(const MatchSpec& match);

// `maps` are those of `match`, in its order.
Matched run_match(const Match& match, const MatchScene& scene, const std::vector<AttentionMap>& maps);

}  // namespace attune
