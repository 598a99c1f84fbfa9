// Matched maps -> agreement per sample.
#pragma once

#include <ATen/core/Tensor.h>

#include <attune/sdk/correlation.h>
#include <attune/spec.h>

namespace attune {

struct Agreement {
  at::Tensor values;      // [N]
  at::Tensor degenerate;  // [N] boolean
};

// The maps normalised and compared. Rows where a map is constant are kept from the correlation: h = 0, no gradient.
// Throws Error(Fault::run) when the maps differ in shape or the correlation gives no [N].
Agreement compare(const AttentionMap& a, const AttentionMap& b, Normalise normalise, const Correlation& correlation);

}  // namespace attune
