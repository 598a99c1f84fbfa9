#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>

#include "metrics/metric.h"

namespace attune::test {
namespace {

at::Tensor matrix(std::initializer_list<double> values, int64_t columns) {
  return at::tensor(std::vector<double>(values), at::kDouble).view({-1, columns});
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(ObjectiveBce, IsTheMeanOverSureLabels) {
  const at::Tensor scores = matrix({1, -2, 0.5, 3}, 2), labels = matrix({1, 0, 1, 0}, 2);
  const double all = -std::log(sigmoid(1)) - std::log(sigmoid(2)) - std::log(sigmoid(0.5));
  EXPECT_NEAR(objective(Objective::bce, scores, labels, matrix({1, 1, 1, 0}, 2)).item<double>(), all / 3, 1e-12);
}

TEST(ObjectiveCrossEntropy, IsThatOfTheSoftmax) {
  const at::Tensor scores = matrix({1, -2, 0.5}, 3), labels = matrix({0, 0, 1}, 3);
  const double sum = std::exp(1) + std::exp(-2) + std::exp(0.5);
  EXPECT_NEAR(objective(Objective::cross_entropy, scores, labels, at::ones({1, 3})).item<double>(), std::log(sum) - 0.5,
              1e-12);
}

TEST(ObjectiveCrossEntropy, SharesSeveralLabelsAndLeavesOutSamplesWithoutAny) {
  const at::Tensor scores = matrix({1, 2, 0, 0, 7, 5}, 2), labels = matrix({1, 1, 0, 1, 0, 0}, 2);
  const double first = std::log(std::exp(1) + std::exp(2)) - 1.5, second = std::log(2);
  EXPECT_NEAR(objective(Objective::cross_entropy, scores, labels, at::ones({3, 2})).item<double>(),
              (first + second) / 2, 1e-12);
}

TEST(ObjectiveCrossEntropy, DoesNotPushUnsureClassesDown) {
  const at::Tensor scores = matrix({1, 2, 9}, 3).requires_grad_(), labels = matrix({1, 0, 0}, 3);
  const at::Tensor loss = objective(Objective::cross_entropy, scores, labels, matrix({1, 1, 0}, 3));
  EXPECT_NEAR(loss.item<double>(), std::log(std::exp(1) + std::exp(2)) - 1, 1e-12);
  loss.backward();
  EXPECT_EQ(scores.grad()[0][2].item<double>(), 0);
}

TEST(Objectives, AreZeroWithoutAnythingSure) {
  const at::Tensor scores = matrix({1, 2}, 2).requires_grad_(), none = at::zeros({1, 2});
  for (const Objective kind : {Objective::bce, Objective::cross_entropy}) {
    const at::Tensor loss = objective(kind, scores, none, none);
    EXPECT_EQ(loss.item<double>(), 0);
    EXPECT_TRUE(loss.requires_grad());
  }
}

}  // namespace
}  // namespace attune::test
