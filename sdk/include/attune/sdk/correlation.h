// The interface of correlations: how much two maps agree.
#pragma once

#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>
#include <attune/sdk/map.h>

namespace attune {

// Made once from its parameters and then called concurrently: it holds no mutable state.
class ATTUNE_SDK_API Correlation {
 public:
  virtual ~Correlation();

  // The agreement [N] of two maps of equal shape, sample by sample; larger is more alike. Differentiable with respect to
  // both. The host keeps constant maps away, so that a sample's variance is never exactly zero.
  virtual at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const = 0;
};

}  // namespace attune
