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

// [N], whether each sample's map is constant but for rounding, or so small that its square, or its reciprocal, is lost.
at::Tensor is_constant(const at::Tensor& map);

// The maps normalised and compared. Rows where a map is constant, and those of `without` ([N] boolean or undefined),
// are kept from the correlation: h = 0, no gradient. Throws Error(Fault::run) when the maps differ in shape or the
// correlation gives no [N].
Agreement compare(const AttentionMap& a, const AttentionMap& b, Normalise normalise, const Correlation& correlation,
                  const at::Tensor& without = {});

}  // namespace attune
