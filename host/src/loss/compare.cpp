#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <tuple>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "loss/parts.h"
#include "model/failure.h"

namespace attune {
namespace {

struct Precision {
  double rounding;  // relative
  double smallest;  // magnitude whose reciprocal is still finite, with room for what is computed from it
};

Precision precision_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return {std::numeric_limits<double>::epsilon(), 1e-290};
    case at::kHalf:
      return {std::numeric_limits<c10::Half>::epsilon(), 1e-4};
    case at::kBFloat16:
      return {std::numeric_limits<c10::BFloat16>::epsilon(), 1e-30};
    default:
      return {std::numeric_limits<float>::epsilon(), 1e-30};
  }
}

// [N,1], the largest magnitude of each sample; a divisor that keeps squares of tiny and huge maps finite.
at::Tensor magnitude(const at::Tensor& flat) {
  const at::Tensor largest = flat.detach().abs().amax(1, true);
  return at::where(largest > 0, largest, at::ones_like(largest));
}

// The map is not constant.
at::Tensor normalised(const at::Tensor& map, Normalise normalise) {
  if (normalise == Normalise::none) return map;
  const at::Tensor flat = map.flatten(1);
  at::Tensor result;
  if (normalise == Normalise::unit) {
    const at::Tensor scaled = flat / magnitude(flat);
    result = scaled / scaled.square().sum(1, true).sqrt();
  } else if (normalise == Normalise::minmax) {
    const at::Tensor shifted = flat - flat.amin(1, true);
    result = shifted / shifted.amax(1, true);
  } else {
    at::Tensor centred = flat - flat.mean(1, true);
    centred = centred / magnitude(centred);
    result = centred / centred.std(1, /*unbiased=*/true, /*keepdim=*/true);
    if (normalise == Normalise::standardise_sigmoid) result = at::sigmoid(result);
  }
  return result.view_as(map);
}

at::Tensor correlated(const AttentionMap& a, const AttentionMap& b, const Comparison& how) {
  const AttentionMap first{normalised(a.values, how.normalise), a.at_input_resolution};
  const AttentionMap second{normalised(b.values, how.normalise), b.at_input_resolution};
  const std::string name = "correlation '" + how.id + "'";
  const at::Tensor h = call_component(name, [&] { return how.correlation->correlate(first, second); });
  if (!h.defined() || h.dim() != 1 || h.size(0) != a.values.size(0)) {
    throw Error(Fault::run, name + " gave no value for every sample");
  }
  return h;
}

AttentionMap rows(const AttentionMap& map, const at::Tensor& indices) {
  return {map.values.index_select(0, indices), map.at_input_resolution};
}

using Maps = std::vector<AttentionMap>;

// What `function` makes of all maps in the rows that are not degenerate, and 0 without gradient in the others.
Agreement of_others(const Maps& maps, const at::Tensor& degenerate,
                    const std::function<at::Tensor(const Maps& kept)>& function) {
  if (!degenerate.any().item<bool>()) return {function(maps), degenerate};
  // Zero times one value of each map: a graph to differentiate, with zero gradient, also when no row is left.
  at::Tensor values;
  for (const AttentionMap& map : maps) {
    const at::Tensor nothing = map.values.flatten(1).select(1, 0) * 0;
    values = values.defined() ? values + nothing : nothing;
  }
  const at::Tensor others = degenerate.logical_not().nonzero().squeeze(1);
  if (others.size(0) == 0) return {values, degenerate};
  Maps kept;
  for (const AttentionMap& map : maps) kept.push_back(rows(map, others));
  return {values.index_add(0, others, function(kept)), degenerate};
}

// Mean difference of neighbours along all axes.
at::Tensor total_variation(const at::Tensor& map) {
  at::Tensor sum = (map * 0).flatten(1).sum(1);
  int64_t pairs = 0;
  for (int64_t axis = 2; axis < map.dim(); ++axis) {
    const at::Tensor differences = map.diff(1, axis).abs().flatten(1);
    sum = sum + differences.sum(1);
    pairs += differences.size(1);
  }
  return sum / static_cast<double>(std::max<int64_t>(pairs, 1));
}

// [N], of a map that is not constant.
at::Tensor measured(const at::Tensor& map, Measure measure) {
  if (measure == Measure::total_variation) return total_variation(map);
  at::Tensor cells = map.flatten(1).abs();
  cells = cells / magnitude(cells);
  const auto count = static_cast<double>(cells.size(1));
  if (measure == Measure::area) return cells.mean(1) / cells.amax(1);
  const at::Tensor share = cells / cells.sum(1, /*keepdim=*/true);
  if (measure == Measure::entropy) {
    return -(share * share.clamp_min(precision_of(share.scalar_type()).smallest).log()).sum(1) / std::log(count);
  }
  const at::Tensor rank = at::arange(1 - count, count, 2, cells.options().requires_grad(false));
  return (std::get<0>(share.sort(1)) * rank).sum(1) / count;
}

void check_shapes(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() == b.sizes()) return;
  throw Error(Fault::run, "maps of the shapes " + shape_text(a.sizes().vec()) + " and " + shape_text(b.sizes().vec()) +
                              " cannot be compared");
}

}  // namespace

at::Tensor is_constant(const at::Tensor& map) {
  const auto [rounding, smallest] = precision_of(map.scalar_type());
  const at::Tensor flat = map.detach().flatten(1);
  const at::Tensor low = flat.amin(1), high = flat.amax(1), largest = at::maximum(low.abs(), high.abs());
  return (high - low <= 8 * rounding * largest) | (largest < smallest);
}

Agreement compare(const AttentionMap& a, const AttentionMap& b, const Comparison& how, const at::Tensor& without) {
  check_shapes(a.values, b.values);
  at::Tensor degenerate = is_constant(a.values) | is_constant(b.values);
  if (without.defined()) degenerate = degenerate | without;
  return of_others({a, b}, degenerate, [&](const Maps& kept) { return correlated(kept[0], kept[1], how); });
}

Agreement measure(const AttentionMap& map, Normalise normalise, Measure measure) {
  return of_others({map}, is_constant(map.values),
                   [&](const Maps& kept) { return measured(normalised(kept[0].values, normalise), measure); });
}

}  // namespace attune
