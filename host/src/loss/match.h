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
  at::Tensor saturated;  // [N] boolean; undefined: none
};

// `maps` are those of `match`, `requests` the loss's; passes record a graph when `graph`.
Matched run_match(const Match& match, Model& model, const std::vector<MapRequest>& requests, const at::Tensor& input,
                  const Target& target, std::vector<AttentionMap> maps, bool graph, LossTrace* trace,
                  size_t target_index);

}  // namespace attune
