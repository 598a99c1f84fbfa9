// The interface of attention methods.
#pragma once

#include <vector>

#include <attune/sdk/export.h>
#include <attune/sdk/map.h>
#include <attune/sdk/model.h>
#include <attune/sdk/pass.h>
#include <attune/sdk/target.h>

namespace attune {

// Computes attention maps. Made once from its parameters and then called concurrently: it holds no mutable state.
class ATTUNE_SDK_API AttentionMethod {
 public:
  virtual ~AttentionMethod();

  // What attend() will ask of the pass. Called before the model runs.
  virtual Needs needs(const Model& model) const = 0;

  // The map of every sample's target class, for the whole batch at once. Differentiable with respect to the model's
  // parameters and the input when pass.wants_graph() and the descriptor says so.
  virtual AttentionMap attend(Pass& pass, const Target& target) const = 0;

  // The same for several targets, one map each: what the host calls. One after the other, with the same random draws,
  // unless overridden by a method that shares work between them: masks that are run once, maps that are the same for
  // every target.
  virtual std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const;
};

}  // namespace attune
