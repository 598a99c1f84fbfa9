// What is learned of pictures without labels, against the formulas in loops.
#include "train/model/unlabelled.h"

#include <cmath>
#include <gtest/gtest.h>

#include "gradients.h"
#include "support.h"

namespace attune::test {
namespace {

double cosine(const at::Tensor& a, const at::Tensor& b) {
  return ((a * b).sum() / (a.norm() * b.norm())).item<double>();
}

// Equation 1 and algorithm 1 of SimCLR, view by view.
double contrast(const at::Tensor& first, const at::Tensor& second, double temperature) {
  const at::Tensor z = at::cat({first, second});
  const int64_t n = first.size(0);
  double sum = 0;
  for (int64_t i = 0; i < 2 * n; ++i) {
    double others = 0;
    for (int64_t k = 0; k < 2 * n; ++k) {
      if (k != i) others += std::exp(cosine(z[i], z[k]) / temperature);
    }
    sum -= std::log(std::exp(cosine(z[i], z[(i + n) % (2 * n)]) / temperature) / others);
  }
  return sum / static_cast<double>(2 * n);
}

TEST(NtXent, IsTheFormulaOfThePaper) {
  for (const int64_t pairs : {1, 2, 5}) {
    const at::Tensor a = seeded({pairs, 7}, 1), b = seeded({pairs, 7}, 2);
    for (const double temperature : {0.1, 0.5, 2.0}) {
      EXPECT_NEAR(nt_xent(a, b, temperature).item<double>(), contrast(a, b, temperature), 1e-12);
    }
  }
}

TEST(NtXent, HasTheGradientOfFiniteDifferences) {
  const auto loss = [](const Tensors& views) { return Tensors{nt_xent(views[0], views[1], 0.5)}; };
  expect_derivatives_are_finite_differences(loss, {seeded({3, 4}, 1), seeded({3, 4}, 2)}, "NT-Xent");
}

TEST(NtXent, IsFiniteWhereAViewIsNothing) {
  at::Tensor a = at::zeros({2, 3}, at::kDouble).requires_grad_();
  const at::Tensor loss = nt_xent(a, seeded({2, 3}, 1), 0.5);
  loss.backward();
  EXPECT_TRUE(std::isfinite(loss.item<double>()) && a.grad().isfinite().all().item<bool>());
}

// FixMatch, equation 4, sample by sample.
TEST(PseudoLabels, OfExclusiveClassesCountWhereTheLikeliestIsSure) {
  const at::Tensor weak = seeded({6, 3}, 3, 3), strong = seeded({6, 3}, 4);
  const double threshold = 0.8;
  double sum = 0;
  int64_t sure = 0;
  for (int64_t i = 0; i < 6; ++i) {
    const at::Tensor q = at::softmax(weak[i], 0);
    if (q.max().item<double>() < threshold) continue;
    ++sure;
    sum -= at::log_softmax(strong[i], 0)[q.argmax().item<int64_t>()].item<double>();
  }
  ASSERT_TRUE(sure > 0 && sure < 6) << sure;
  const PseudoLabels labels = pseudo_labels(Objective::cross_entropy, weak, threshold);
  EXPECT_NEAR(labels.share, static_cast<double>(sure) / 6, 1e-12);
  EXPECT_NEAR(pseudo_label_loss(Objective::cross_entropy, strong, labels).item<double>(), sum / 6, 1e-12);
}

TEST(PseudoLabels, OfOtherClassesCountEachByItself) {
  const at::Tensor weak = seeded({6, 3}, 5, 3), strong = seeded({6, 3}, 6);
  const double threshold = 0.9;
  double sum = 0;
  int64_t sure = 0;
  for (int64_t i = 0; i < 18; ++i) {
    const double p = at::sigmoid(weak).reshape(-1)[i].item<double>();
    const double s = at::sigmoid(strong).reshape(-1)[i].item<double>();
    if (std::max(p, 1 - p) < threshold) continue;
    ++sure;
    sum -= std::log(p > 0.5 ? s : 1 - s);
  }
  ASSERT_TRUE(sure > 0 && sure < 18) << sure;
  const PseudoLabels labels = pseudo_labels(Objective::bce, weak, threshold);
  EXPECT_NEAR(labels.share, static_cast<double>(sure) / 18, 1e-12);
  EXPECT_NEAR(pseudo_label_loss(Objective::bce, strong, labels).item<double>(), sum / 18, 1e-12);
}

TEST(PseudoLabels, HaveALossWithTheGradientOfFiniteDifferences) {
  for (const Objective kind : {Objective::cross_entropy, Objective::bce}) {
    const PseudoLabels labels = pseudo_labels(kind, seeded({6, 3}, 3, 3), 0.8);
    const auto loss = [&](const Tensors& scores) { return Tensors{pseudo_label_loss(kind, scores[0], labels)}; };
    expect_derivatives_are_finite_differences(loss, {seeded({6, 3}, 4)}, "pseudo-labels");
  }
}

// mean(act2)^2 is what the head takes: two layers of that, with a rectifier between.
TEST(Projections, StandInThePlaceOfTheHead) {
  TrainingModel model(torchscript_source(dropping_model()));
  const at::Tensor x = seeded({3, 3, 8, 8}, 5);
  const NamedTensors before = model.state();
  for (const std::optional<int64_t> hidden : {std::optional<int64_t>(), std::optional<int64_t>(5)}) {
    const Projection projection({"fc", hidden, 4}, model, 1);
    NamedTensors state = projection.state();
    const at::Tensor features = [&] {
      const HeadParameters identity{at::eye(6, at::kDouble), at::zeros({6}, at::kDouble)};
      return model.forward(x, "auto", "fc", identity);
    }();
    const at::Tensor between = at::linear(features, state["projection.0.weight"], state["projection.0.bias"]).relu();
    EXPECT_EQ(between.size(1), hidden.value_or(6));
    const at::Tensor expected = at::linear(between, state["projection.1.weight"], state["projection.1.bias"]);
    const at::Tensor projected = projection(model, x, "auto");
    EXPECT_EQ(projected.sizes(), (at::IntArrayRef{3, 4}));
    EXPECT_TRUE(at::allclose(projected, expected, 1e-12, 1e-12));
  }
  for (const auto& [name, tensor] : model.state()) EXPECT_TRUE(at::equal(tensor, before.at(name))) << name;
  EXPECT_EQ(message_of(Fault::spec,
                       [&] {
                         Projection({"fcc", {}, 4}, model, 1);
                       }),
            "head 'fcc' is no linear layer or 1x1 convolution; they are 'fc' (did you mean \"fc\"?)");
}

}  // namespace
}  // namespace attune::test
