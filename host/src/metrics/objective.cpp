#include "metrics/objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/masked_fill.h>

namespace attune {
namespace {

constexpr double out_of_question = -1e30;  // as a score: no share of the softmax, and still a number

}  // namespace

at::Tensor objective(Objective kind, const at::Tensor& scores, const at::Tensor& labels, const at::Tensor& weights) {
  const at::Tensor wanted = labels.to(scores.options()), sure = weights.to(scores.options());
  if (kind == Objective::bce) {
    const at::Tensor each = at::binary_cross_entropy_with_logits(scores, wanted, {}, {}, at::Reduction::None);
    return (each * sure).sum() / sure.sum().clamp_min(1);
  }
  const at::Tensor counts = wanted.sum(1, /*keepdim=*/true);
  const at::Tensor shares = wanted / counts.clamp_min(1);
  const at::Tensor open = scores.masked_fill((sure == 0) & (wanted == 0), out_of_question);
  const at::Tensor each = -(shares * at::log_softmax(open, 1)).sum(1);
  return each.sum() / counts.gt(0).sum().clamp_min(1);
}

}  // namespace attune
