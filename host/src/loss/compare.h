// Matched maps -> agreement per sample.
#pragma once

#include <ATen/core/Tensor.h>
#include <memory>
#include <string>

#include <attune/sdk/correlation.h>
#include <attune/spec.h>

namespace attune {

// How maps are compared.
struct Comparison {
  Normalise normalise = Normalise::none;
  std::string id;  // of the correlation
  std::shared_ptr<const Correlation> correlation;
};

struct Agreement {
  at::Tensor values;      // [N]
  at::Tensor degenerate;  // [N] boolean
};

// [N], whether each sample's map is constant but for rounding, or so small that its square, or its reciprocal, is lost.
at::Tensor is_constant(const at::Tensor& map);

// The maps normalised and compared. Rows where a map is constant, and those of `without` ([N] boolean or undefined),
// are kept from the correlation: h = 0, no gradient. Throws Error(Fault::run) when the maps differ in shape, or the
// correlation fails or gives no [N].
Agreement compare(const AttentionMap& a, const AttentionMap& b, const Comparison& how, const at::Tensor& without = {});

}  // namespace attune
