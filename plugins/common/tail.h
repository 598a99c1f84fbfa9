// What the methods share that change the activations of a layer and look at what the model makes of them.
#pragma once

#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/tail.h>

#include "common/variants.h"

namespace attune::plugins {

inline Tail& tail_of(Pass& pass) {
  auto* tail = static_cast<Tail*>(pass.extension(Tail::id));
  if (tail != nullptr) return *tail;
  throw Error(Fault::run, std::string("the method needs an attune with the extension \"") + Tail::id + "\"");
}

// The scores [N,count] of `count` variants of every sample's capture, for each target, as scores_of() has them of
// inputs.
inline std::vector<at::Tensor> tail_scores(Pass& pass, const Capture& capture, const std::vector<Target>& targets,
                                           int64_t count, const Variants& variants) {
  const int64_t samples = pass.input().size(0);
  const at::Tensor outputs = tail_of(pass).outputs(capture, samples * count, by_rows(variants, count, pass.input()));
  std::vector<at::Tensor> scores;
  for (const Target& target : targets) scores.push_back(target.repeat(count).score(outputs).view({samples, count}));
  return scores;
}

}  // namespace attune::plugins
