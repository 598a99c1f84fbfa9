#include <gtest/gtest.h>

#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

const std::string parts_of_a_grid = "grid";

// Mean over all orders of the parts of what each adds where it comes.
std::vector<double> shapley_values(size_t parts, const std::function<double(const std::vector<bool>&)>& score) {
  std::vector<size_t> order(parts);
  for (size_t part = 0; part < parts; ++part) order[part] = part;
  std::vector<double> values(parts);
  double orders = 0;
  do {
    std::vector<bool> kept(parts);
    for (const size_t part : order) {
      const double before = score(kept);
      kept[part] = true;
      values[part] += score(kept) - before;
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  for (double& value : values) value /= orders;
  return values;
}

at::Tensor order_by_order(const ImageModel& model, const at::Tensor& x, int64_t cells, int64_t target) {
  const at::Tensor labels = test::grid_labels(x.sizes().slice(2), cells);
  const auto parts = static_cast<size_t>(test::grid_count(x.sizes().slice(2), cells));
  at::Tensor map = at::zeros_like(x.narrow(1, 0, 1));
  for (int64_t n = 0; n < x.size(0); ++n) {
    std::map<std::vector<bool>, double> known;
    const auto values = shapley_values(parts, [&](const std::vector<bool>& kept) {
      if (known.count(kept) == 0) known[kept] = test::score_of_parts(model, x[n], labels, kept, target);
      return known[kept];
    });
    for (size_t part = 0; part < parts; ++part) {
      map[n][0].masked_fill_(labels == static_cast<int64_t>(part), values[part]);
    }
  }
  return map;
}

TEST(KernelShap, OfAllSetsIsTheShapleyValue) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const int64_t cells = rank == 1 ? 4 : 2;
    const Given given{{"segments", parts_of_a_grid}, {"cells", cells}, {"samples", int64_t{254}}};
    EXPECT_TRUE(
        at::allclose(test::map_of(model, x, "kernel_shap", given, 2), order_by_order(model, x, cells, 2), 1e-6, 1e-8))
        << rank;
  }
}

TEST(KernelShap, OfDrawnSetsTendsToIt) {
  TorchScriptModel model(test::model_of_rank(3, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(3, 2, 3), exact = order_by_order(model, x, 2, 1);
  const auto off = [&](int64_t samples) {
    const Given given{{"segments", parts_of_a_grid}, {"cells", int64_t{2}}, {"samples", samples}};
    return (test::map_of(model, x, "kernel_shap", given, 1) - exact).abs().max().item<double>();
  };
  const double size = exact.abs().max().item<double>();
  EXPECT_GT(off(250), 1e-6 * size) << "drawn, as there are 254 sets";
  EXPECT_LT(off(250), 0.1 * size);
}

// However few sets there are.
TEST(KernelShap, SumsToWhatTheScoreGains) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 3), labels = test::grid_labels(x.sizes().slice(2), 3);
  for (const int64_t samples : {2, 5, 40}) {
    const Given given{{"segments", parts_of_a_grid}, {"cells", int64_t{3}}, {"samples", samples}};
    const at::Tensor map = test::map_of(model, x, "kernel_shap", given, 1);
    for (int64_t n = 0; n < x.size(0); ++n) {
      double sum = 0;
      for (int64_t part = 0; part < 9; ++part) sum += map[n][0].masked_select(labels == part)[0].item<double>();
      const double gain = test::score_of_parts(model, x[n], labels, std::vector<bool>(9, true), 1) -
                          test::score_of_parts(model, x[n], labels, std::vector<bool>(9, false), 1);
      EXPECT_NEAR(sum, gain, 1e-9 + 1e-6 * std::abs(gain)) << samples;
    }
  }
}

TEST(KernelShap, AnInputOfOneCellHasAllOfIt) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::seeded({1, 2, 1, 1}, 5);
  const at::Tensor gain = model.module_output(x, false)[0][1] - model.module_output(0 * x, false)[0][1];
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "kernel_shap", {}, 1).flatten()[0], gain));
}

TEST(KernelShap, BatchEqualsSamples) {
  test::expect_batch_equals_samples("kernel_shap", {{"cells", int64_t{2}}, {"samples", int64_t{50}}});
}

}  // namespace
}  // namespace attune
