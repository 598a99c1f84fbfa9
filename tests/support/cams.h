// What the tests of methods that combine feature maps share: features and gradients that LibTorch alone has computed.
#pragma once

#include "methods.h"

namespace attune::test {

// Feature maps A, the gradient g of a class score there, and the product of its second derivatives with A.
struct Features {
  at::Tensor values;    // [N,C,S1..Sd]
  at::Tensor gradient;  // likewise
  at::Tensor curved;    // likewise, by central differences
};

// Of the convolution of model_of_rank(rank, "torch.tanh(x)"), behind which tanh, a mean and a linear layer stand.
inline Features features_of(const torch::jit::Module& module, const at::Tensor& x, int64_t target) {
  const std::vector<int64_t> ones(static_cast<size_t>(x.dim()) - 2, 1), zeros(ones.size(), 0);
  const at::Tensor kernel = module.attr("conv").toModule().attr("w0").toTensor().detach();
  const at::Tensor values = at::convolution(x, kernel, {}, ones, ones, ones, false, zeros, 1);
  const auto gradient_at = [&](double scale) {
    const at::AutoGradMode mode(true);
    const at::Tensor features = (scale * values).requires_grad_();
    const at::Tensor pooled = features.tanh().flatten(2).mean(2);
    const at::Tensor score = at::matmul(pooled, module.attr("fc").toTensor().detach()[target]).sum();
    return torch::autograd::grad({score}, {features})[0];
  };
  constexpr double step = 1e-5;
  return {values, gradient_at(1), (gradient_at(1 + step) - gradient_at(1 - step)) / (2 * step)};
}

// The class score [N] that this model makes of features behind that convolution.
inline at::Tensor score_behind(const torch::jit::Module& module, const at::Tensor& features, int64_t target) {
  return at::matmul(features.tanh().flatten(2).mean(2), module.attr("fc").toTensor().detach()[target]);
}

using Cells = at::TensorAccessor<double, 3>;  // [n][c][s]

// In 1 to 3 dimensions a method's map at that convolution is, for sample n and position s, value(A, g, n, s).
inline void expect_cam_is(const std::string& id, Given given,
                          const std::function<double(Cells a, Cells g, int64_t n, int64_t s)>& value) {
  given["layer"] = std::string("conv");
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = input_of_rank(rank, 2, 1);
    const Features features = features_of(module, x, 2);
    const at::Tensor a = features.values.flatten(2), g = features.gradient.flatten(2);
    const at::Tensor expected = at::empty({a.size(0), 1, a.size(2)}, at::kDouble);
    for (int64_t n = 0; n < a.size(0); ++n) {
      for (int64_t s = 0; s < a.size(2); ++s) {
        expected[n][0][s] = value(a.accessor<double, 3>(), g.accessor<double, 3>(), n, s);
      }
    }
    const at::Tensor map = map_of(model, x, id, given, 2);
    auto shape = x.sizes().vec();
    shape[1] = 1;
    EXPECT_EQ(map.sizes(), shape) << id;
    EXPECT_TRUE(at::allclose(map.flatten(2), expected, 1e-9, 1e-12)) << id << ", rank " << rank;
    EXPECT_GT((map.std() / map.abs().max()).item<double>(), 0.01) << id << ": a map that varies is wanted";
  }
}

// With `relu` the map is the positive part of one of both signs.
inline void expect_relu_keeps_the_positive_part(const std::string& id) {
  TorchScriptModel model(model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = input_of_rank(2, 3, 5);
  const at::Tensor map = map_of(model, x, id, {{"layer", std::string("act")}}, 1);
  EXPECT_LT(map.min().item<double>(), 0) << id;
  EXPECT_GT(map.max().item<double>(), 0) << id;
  EXPECT_TRUE(at::equal(map_of(model, x, id, {{"layer", std::string("act")}, {"relu", true}}, 1), at::relu(map))) << id;
}

// The positive part of a map at the size of the pictures `x`, from 0 to 1 in each sample.
inline at::Tensor heat_of(const at::Tensor& map, const at::Tensor& x) {
  const at::Tensor heat = at::upsample_bilinear2d(map.relu(), x.sizes().slice(2), false);
  for (int64_t n = 0; n < heat.size(0); ++n) {
    heat[n] -= heat[n].min();
    heat[n] /= heat[n].max();
  }
  return heat;
}

// A sum over channels.
inline double over_channels(const Cells& a, const std::function<double(int64_t c)>& value) {
  double sum = 0;
  for (int64_t c = 0; c < a.size(1); ++c) sum += value(c);
  return sum;
}

// A sum over positions.
inline double over_cells(const Cells& a, const std::function<double(int64_t s)>& value) {
  double sum = 0;
  for (int64_t s = 0; s < a.size(2); ++s) sum += value(s);
  return sum;
}

// Rows [P,C] of one sample, centred and projected on the direction in which they vary most, by power iteration; the
// sign is that of the sum of the projection times `towards` [P].
inline at::Tensor first_component(const at::Tensor& rows, const at::Tensor& towards) {
  const at::Tensor centred = rows - rows.mean(0, true);
  at::Tensor direction = at::ones({rows.size(1)}, at::kDouble);
  for (int i = 0; i < 3000; ++i) {
    direction = at::matmul(centred.t(), at::matmul(centred, direction));
    direction = direction / direction.norm();
  }
  const at::Tensor projected = at::matmul(centred, direction);
  return (projected * towards).sum().item<double>() < 0 ? -projected : projected;
}

}  // namespace attune::test
