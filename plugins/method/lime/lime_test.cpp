#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

constexpr uint64_t lime_seed = 21;

at::Tensor lime_map(TorchScriptModel& model, const at::Tensor& x, Given given) {
  given["segments"] = std::string("grid");
  const auto method = test::own_plugins().make_method("lime", given);
  const auto pass = model.forward(x, method->needs(model), false, at::detail::createCPUGenerator(lime_seed));
  return method->attend(*pass, Target(at::ones({x.size(0)}, at::kLong))).values;
}

// The normal equations of slopes and offset, of which the offset is not drawn to zero.
at::Tensor fitted_by_hand(const ImageModel& model, const at::Tensor& x, int64_t cells, int64_t samples, double width,
                          double ridge) {
  const at::Tensor labels = test::grid_labels(x.sizes().slice(2), cells);
  const int64_t parts = test::grid_count(x.sizes().slice(2), cells);
  const at::Tensor kept = at::rand({samples, parts}, at::detail::createCPUGenerator(lime_seed), at::kFloat) < 0.5;
  at::Tensor map = at::zeros_like(x.narrow(1, 0, 1));
  for (int64_t n = 0; n < x.size(0); ++n) {
    at::Tensor square = at::zeros({parts + 1, parts + 1}, at::kDouble), right = at::zeros({parts + 1}, at::kDouble);
    square.slice(0, 0, parts).slice(1, 0, parts).copy_(ridge * at::eye(parts, at::kDouble));
    for (int64_t i = 0; i < samples; ++i) {
      std::vector<bool> set;
      for (int64_t part = 0; part < parts; ++part) set.push_back(kept[i][part].item<bool>());
      const double share = kept[i].to(at::kDouble).mean().item<double>(), distance = 1 - std::sqrt(share);
      const double weight = std::exp(-distance * distance / (width * width));
      const at::Tensor row = at::cat({kept[i].to(at::kDouble), at::ones({1}, at::kDouble)});
      square += weight * at::outer(row, row);
      right += weight * test::score_of_parts(model, x[n], labels, set, 1) * row;
    }
    const at::Tensor slopes = at::linalg_solve(square, right);
    for (int64_t part = 0; part < parts; ++part) {
      map[n][0].masked_fill_(labels == part, slopes[part].item<double>());
    }
  }
  return map;
}

TEST(Lime, IsTheSlopeOfALineThroughTheScores) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const Given given{{"cells", int64_t{2}}, {"samples", int64_t{40}}, {"width", 0.4}, {"ridge", 0.3}};
    EXPECT_TRUE(at::allclose(lime_map(model, x, given), fitted_by_hand(model, x, 2, 40, 0.4, 0.3), 1e-8, 1e-10))
        << rank;
  }
}

// Of a linear model, and without a ridge, it is what each part adds.
TEST(Lime, OfALinearModelIsExact) {
  TorchScriptModel model(test::model_of_rank(2, "x * 1.0"));
  const at::Tensor x = test::input_of_rank(2, 2, 1);
  const Given given{{"cells", int64_t{2}}, {"samples", int64_t{60}}, {"ridge", 1e-6}};
  const at::Tensor ablated =
      test::map_of(model, x, "feature_ablation", {{"segments", std::string("grid")}, {"cells", int64_t{2}}}, 1);
  EXPECT_TRUE(at::allclose(lime_map(model, x, given), ablated, 1e-4, 1e-6));
}

TEST(Lime, BatchEqualsSamples) {
  test::expect_batch_equals_samples("lime", {{"cells", int64_t{2}}, {"samples", int64_t{50}}});
}

}  // namespace
}  // namespace attune
