#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

struct MaskLoss {
  at::Tensor total;
  double score, area, variation;
};

// The loss of one sample's mask, as the paper writes it.
MaskLoss mask_loss(const ImageModel& model, const at::Tensor& x, const at::Tensor& mask, double area, double variation,
                   double blur) {
  const at::Tensor without = test::blurred_by_hand(x, blur), kept = test::enlarged(mask, x.sizes().slice(2).vec());
  const auto score = [&](const at::Tensor& input) { return model.module_output(input, true)[0][1]; };
  const at::Tensor of_score = score(kept * x + (1 - kept) * without) / (score(x) - score(without)).abs();
  at::Tensor differences = at::zeros({}, at::kDouble);
  for (int64_t axis = 2; axis < mask.dim(); ++axis) differences = differences + mask.diff(1, axis).abs().pow(3).mean();
  const at::Tensor of_area = (1 - mask).mean();
  return {of_score + area * of_area + variation * differences, of_score.item<double>(), of_area.item<double>(),
          differences.item<double>()};
}

// The same descent with gradients that LibTorch takes.
at::Tensor descended(const ImageModel& model, const at::Tensor& x, int64_t steps, int64_t cells) {
  std::vector<at::Tensor> maps;
  for (int64_t n = 0; n < x.size(0); ++n) {
    const at::Tensor sample = x.narrow(0, n, 1);
    std::vector<int64_t> shape{1, 1};
    for (int64_t axis = 2; axis < x.dim(); ++axis) shape.push_back(std::min(cells, x.size(axis)));
    at::Tensor mask = at::full(shape, 0.5, at::kDouble);
    at::Tensor mean = at::zeros_like(mask), square = mean;
    for (int64_t step = 1; step <= steps; ++step) {
      mask.requires_grad_();
      const at::AutoGradMode mode(true);
      const at::Tensor loss = mask_loss(model, sample, mask, 0.3, 2, 0.2).total;
      const at::Tensor gradient = torch::autograd::grad({loss}, {mask})[0];
      mean = 0.9 * mean + 0.1 * gradient;
      square = 0.999 * square + 0.001 * gradient * gradient;
      const double first = 1 - std::pow(0.9, step), second = 1 - std::pow(0.999, step);
      mask = (mask.detach() - 0.05 * (mean / first) / ((square / second).sqrt() + 1e-8)).clamp(0, 1);
    }
    maps.push_back(1 - test::enlarged(mask, x.sizes().slice(2).vec()));
  }
  return at::cat(maps);
}

TEST(MeaningfulPerturbation, IsTheDescentOfTheLoss) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    for (const int64_t cells : {2, 3, 28}) {
      const Given given{{"steps", int64_t{6}}, {"cells", cells}, {"area", 0.3},
                        {"variation", 2.0},    {"blur", 0.2},    {"rate", 0.05}};
      EXPECT_TRUE(at::allclose(test::map_of(model, x, "meaningful_perturbation", given, 1),
                               descended(model, x, 6, cells), 1e-6, 1e-7))
          << rank << cells;
    }
  }
}

TEST(MeaningfulPerturbation, LowersTheScoreByASmallSmoothMask) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::seeded({1, 2, 16, 16}, 4);
  const auto loss = [&](const at::Tensor& map) { return mask_loss(model, x, 1 - map, 1, 8, 0.05); };
  const auto found = [&](Given given) {
    given["cells"] = int64_t{16};
    return loss(test::map_of(model, x, "meaningful_perturbation", given, 1));
  };
  const MaskLoss usual = found({}), nothing = loss(at::zeros({1, 1, 16, 16}, at::kDouble));
  const MaskLoss half = loss(at::full({1, 1, 16, 16}, 0.5, at::kDouble));
  EXPECT_LT(usual.total.item<double>(), nothing.total.item<double>());
  EXPECT_LT(usual.total.item<double>(), half.total.item<double>());
  EXPECT_LT(found({{"area", 10.0}}).area, usual.area);
  EXPECT_LT(found({{"variation", 800.0}}).variation, usual.variation);
}

TEST(MeaningfulPerturbation, BatchEqualsSamples) {
  test::expect_batch_equals_samples("meaningful_perturbation", {{"steps", int64_t{5}}});
}

}  // namespace
}  // namespace attune
