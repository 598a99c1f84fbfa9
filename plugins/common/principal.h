// The principal component of feature maps.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <tuple>

#include "common/rows.h"

namespace attune::plugins {

// `features` [N,C,S1..Sd], centred over positions, projected on the direction of channels in which they vary most:
// [N,1,S1..Sd], whose sum is 0. A direction has no sign of its own: here the map grows with `towards` [N,1,S1..Sd].
//
// Differentiable, but not twice. With X = U S V' the projection is X v_1, and its derivative
//   dX v_1 + sum_{i>1} u_i r_i / (1 - r_i^2) (u_1' dX v_i + r_i u_i' dX v_1),   r_i = s_i / s_1,
// written as a function of X whose other factors are constants. The derivative that LibTorch has divides by the
// differences of all pairs, those of vanishing ones included. Where the first two are equal, there is no one
// direction, and the terms that would be infinite are left out.
inline at::Tensor principal_map(const at::Tensor& features, const at::Tensor& towards) {
  const at::Tensor raw = features.flatten(2).transpose(1, 2);  // [N,P,C]
  const at::Tensor rows = raw - raw.mean(1, /*keepdim=*/true);
  at::Tensor u, s, vh, factor, ratio, sign;
  {
    const at::NoGradGuard constants;
    const at::Tensor magnitude = rows.abs().flatten(1).amax(1).view({-1, 1, 1});
    const at::Tensor scaled = rows / safe(magnitude, magnitude > smallest_magnitude(rows));
    std::tie(u, s, vh) = at::linalg_svd(scaled, /*full_matrices=*/false);
    const at::Tensor first = s.narrow(1, 0, 1), rest = s.narrow(1, 1, s.size(1) - 1);
    ratio = rest / safe(first, first > 0);
    const at::Tensor gap = 1 - ratio.square();
    const double closest = 100 * (rows.scalar_type() == at::kDouble ? 2.3e-16 : 1.2e-7);
    factor = at::where(gap > closest, ratio / safe(gap, gap > closest), at::zeros_like(ratio));
    const at::Tensor along = at::matmul(rows, vh.narrow(1, 0, 1).transpose(1, 2));  // [N,P,1]
    const at::Tensor agreement = (along * towards.flatten(2).transpose(1, 2)).sum(1, /*keepdim=*/true);
    sign = at::where(agreement < 0, -at::ones_like(agreement), at::ones_like(agreement));
  }
  const at::Tensor v1 = vh.narrow(1, 0, 1).transpose(1, 2);                       // [N,C,1]
  const at::Tensor u1 = u.narrow(2, 0, 1).transpose(1, 2);                        // [N,1,P]
  const at::Tensor others = u.narrow(2, 1, u.size(2) - 1);                        // [N,P,k-1]
  const at::Tensor directions = vh.narrow(1, 1, vh.size(1) - 1).transpose(1, 2);  // [N,C,k-1]
  at::Tensor map = at::matmul(rows, v1);
  if (rows.requires_grad()) {
    const at::Tensor across = at::matmul(at::matmul(u1, rows), directions).transpose(1, 2);  // [N,k-1,1]
    const at::Tensor inside = at::matmul(others.transpose(1, 2), map);
    const at::Tensor terms = factor.unsqueeze(2) * (across + ratio.unsqueeze(2) * inside);
    map = map + at::matmul(others, terms - terms.detach());
  }
  auto shape = features.sizes().vec();
  shape[1] = 1;
  return (map * sign).transpose(1, 2).reshape(shape);
}

}  // namespace attune::plugins
