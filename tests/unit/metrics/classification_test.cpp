// Metrics of classification, worked by hand.
#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>

#include "errors.h"
#include "metrics/measures.h"

namespace attune::test {
namespace {

using Rows = std::vector<std::vector<double>>;

at::Tensor table(const Rows& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(row, at::kDouble));
  return at::stack(tensors);
}

// One class.
at::Tensor column(const std::vector<double>& values) { return at::tensor(values, at::kDouble).unsqueeze(1); }

double precision_of(const std::vector<double>& scores, const std::vector<double>& labels,
                    PrecisionCurve curve = PrecisionCurve::steps) {
  return average_precision(column(scores), {column(labels), {}}, curve).item<double>();
}

// Three classes of which nobody has the last.
const Rows kDecisions{{1, 0, 0}, {1, 1, 0}, {0, 0, 1}, {0, 1, 0}};
const Rows kLabels{{1, 0, 0}, {0, 1, 0}, {1, 0, 0}, {0, 1, 0}};

TEST(F1, IsOfEveryClassThatOccurs) {
  const at::Tensor values = f1(table(kDecisions), {table(kLabels), {}});
  EXPECT_DOUBLE_EQ(values[0].item<double>(), 0.5);  // one hit, one false alarm, one miss
  EXPECT_DOUBLE_EQ(values[1].item<double>(), 1);
  EXPECT_TRUE(std::isnan(values[2].item<double>()));
}

TEST(F1, OfClassesIsTheMeanOfThoseThatOccur) {
  const at::Tensor values = f1(table(kDecisions), {table(kLabels), {}});
  EXPECT_DOUBLE_EQ(mean_of_defined(values), 0.75);
  EXPECT_DOUBLE_EQ(mean_of_defined(values, at::tensor({1, 0, 1})), 0.5);
  EXPECT_TRUE(std::isnan(mean_of_defined(values, at::tensor({0, 0, 1}))));
}

TEST(F1, OfAllDecisionsCountsFalseAlarmsOfEveryClass) {
  // Three hits; two false alarms, one of them of the class that nobody has; one miss.
  EXPECT_DOUBLE_EQ(micro_f1(table(kDecisions), {table(kLabels), {}}), 6.0 / 9);
}

TEST(F1, IgnoresWhatIsUnsure) {
  at::Tensor weights = at::ones({4, 3});
  weights[1][0] = 0;  // the false alarm
  weights[2][0] = 0;  // the miss
  const Truth truth{table(kLabels), weights};
  EXPECT_DOUBLE_EQ(f1(table(kDecisions), truth)[0].item<double>(), 1);
  EXPECT_DOUBLE_EQ(micro_f1(table(kDecisions), truth), 6.0 / 7);
  EXPECT_TRUE(at::equal(positives(truth), at::tensor({1, 2, 0}, at::kLong)));
}

TEST(F1, OfASingleRow) {
  const Truth truth{table({{1, 0}}), {}};
  EXPECT_DOUBLE_EQ(mean_of_defined(f1(table({{1, 1}}), truth)), 1);
  EXPECT_DOUBLE_EQ(micro_f1(table({{1, 1}}), truth), 2.0 / 3);
  EXPECT_DOUBLE_EQ(mean_of_defined(f1(table({{0, 1}}), truth)), 0);
}

TEST(Accuracy, AsksForEverySureClass) {
  const Truth truth{table(kLabels), {}};
  EXPECT_DOUBLE_EQ(accuracy(table(kDecisions), truth), 0.5);
  at::Tensor weights = at::ones({4, 3});
  weights[1][0] = 0;
  EXPECT_DOUBLE_EQ(accuracy(table(kDecisions), {table(kLabels), weights}), 0.75);
}

// Whatever is decided of it would be right.
TEST(Accuracy, DoesNotCountSamplesThatAreUnsureThroughout) {
  const at::Tensor labels = table({{1, 0}, {0, 1}, {0, 0}}), decisions = table({{1, 0}, {1, 0}, {1, 1}});
  const Truth truth{labels, table({{1, 1}, {1, 1}, {0, 0}})};
  EXPECT_DOUBLE_EQ(accuracy(decisions, truth), 0.5);
  EXPECT_DOUBLE_EQ(accuracy(decisions, {labels, table({{0, 0}, {1, 1}, {0, 0}})}), 0);
  EXPECT_TRUE(std::isnan(accuracy(decisions, {labels, at::zeros({3, 2})})));
}

TEST(Decisions, AreStrictlyAboveTheThreshold) {
  EXPECT_TRUE(at::equal(decide_above(table({{-1, 0, 1e-9}}), 0), table({{0, 0, 1}}).to(at::kBool)));
}

TEST(Decisions, TakeOneClassOfExclusiveOnes) {
  const at::Tensor decided = decide_highest(table({{-3, -1, -2}, {5, 1, 2}}));
  EXPECT_TRUE(at::equal(decided, table({{0, 1, 0}, {1, 0, 0}}).to(at::kBool)));
  EXPECT_TRUE(at::equal(decide_highest(table({{2, 2, 2}})).sum(1), at::tensor({1}, at::kLong)));
}

TEST(AveragePrecision, IsTheAreaUnderTheSteps) {
  // Precision 1, 1/2, 2/3, 1/2 at the recalls 1/2, 1/2, 1, 1.
  EXPECT_DOUBLE_EQ(precision_of({0.9, 0.8, 0.7, 0.6}, {1, 0, 1, 0}), 0.5 * 1 + 0.5 * 2 / 3);
  EXPECT_DOUBLE_EQ(precision_of({0.6, 0.7, 0.8, 0.9}, {0, 1, 0, 1}), 0.5 * 1 + 0.5 * 2 / 3);
}

TEST(AveragePrecision, InterpolatesAsVocDoes) {
  // Precision 0, 1/2, 1/3, 2/4, 3/5 at the recalls 0, 1/3, 1/3, 2/3, 1: 3/5 is the highest from every recall on.
  const std::vector<double> scores{5, 4, 3, 2, 1}, labels{0, 1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(precision_of(scores, labels), (1.0 / 2 + 2.0 / 4 + 3.0 / 5) / 3);
  EXPECT_DOUBLE_EQ(precision_of(scores, labels, PrecisionCurve::voc2012), 0.6);
  EXPECT_DOUBLE_EQ(precision_of(scores, labels, PrecisionCurve::voc2007), 0.6);
  // Precision 1 up to the recall 1/2, from there on 2/4: recalls 0 to 0.5 and 0.6 to 1.
  EXPECT_DOUBLE_EQ(precision_of({4, 3, 2, 1}, {1, 0, 0, 1}, PrecisionCurve::voc2012), 0.75);
  EXPECT_DOUBLE_EQ(precision_of({4, 3, 2, 1}, {1, 0, 0, 1}, PrecisionCurve::voc2007), (6 * 1 + 5 * 0.5) / 11);
}

// 3 of 10 is not less than the recall 0.3, whatever rounding does.
TEST(AveragePrecision, MeetsTheElevenRecallsExactly) {
  std::vector<double> scores, labels;
  for (int i = 0; i < 10; ++i) {  // a positive, then i negatives: 1 of 1, 2 of 2, 3 of 4, 4 of 7 ...
    for (int j = 0; j <= i; ++j) {
      scores.push_back(-static_cast<double>(scores.size()));
      labels.push_back(j == 0 ? 1 : 0);
    }
  }
  double expected = 1;  // at the recall 0
  for (int hits = 1; hits <= 10; ++hits) expected += hits / (1.0 + hits * (hits - 1) / 2.0);
  EXPECT_NEAR(precision_of(scores, labels, PrecisionCurve::voc2007), expected / 11, 1e-12);
}

TEST(AveragePrecision, TakesEqualScoresAsOneStep) {
  for (const auto curve : {PrecisionCurve::steps, PrecisionCurve::voc2012, PrecisionCurve::voc2007}) {
    EXPECT_DOUBLE_EQ(precision_of({1, 1, 1, 1}, {1, 0, 0, 0}, curve), 0.25);
    EXPECT_DOUBLE_EQ(precision_of({1, 1, 1, 1}, {0, 0, 0, 1}, curve), 0.25);
  }
  EXPECT_DOUBLE_EQ(precision_of({2, 1, 1, 0}, {1, 0, 1, 0}), 0.5 * 1 + 0.5 * 2 / 3);
}

TEST(AveragePrecision, OfAllPositivesAndOfASingleRowIsOne) {
  for (const auto curve : {PrecisionCurve::steps, PrecisionCurve::voc2012, PrecisionCurve::voc2007}) {
    EXPECT_DOUBLE_EQ(precision_of({0.1, 0.9, 0.5}, {1, 1, 1}, curve), 1);
    EXPECT_DOUBLE_EQ(precision_of({-7}, {1}, curve), 1);
  }
}

TEST(AveragePrecision, IsUndefinedWithoutPositives) {
  EXPECT_TRUE(std::isnan(precision_of({0.5, 0.4}, {0, 0})));
  EXPECT_TRUE(std::isnan(precision_of({0.5}, {0})));
  const Truth truth{table({{1, 0}, {0, 0}}), {}};
  EXPECT_DOUBLE_EQ(mean_of_defined(average_precision(table({{1, 5}, {2, 6}}), truth)), 0.5);
}

TEST(AveragePrecision, IgnoresWhatIsUnsure) {
  const Truth truth{column({0, 1, 1}), column({0, 1, 1})};  // the first, a negative, has the highest score
  EXPECT_DOUBLE_EQ(average_precision(column({3, 2, 1}), truth).item<double>(), 1);
  const Truth none{column({1, 0}), column({0, 1})};
  EXPECT_TRUE(std::isnan(average_precision(column({3, 2}), none).item<double>()));
}

TEST(Truth, IsSelectedRowByRow) {
  const Truth truth{table({{1, 0}, {0, 1}}), table({{1, 1}, {0, 1}})};
  const Truth chosen = select(truth, at::tensor({1, 1, 0}, at::kLong));
  EXPECT_TRUE(at::equal(chosen.labels, table({{0, 1}, {0, 1}, {1, 0}})));
  EXPECT_TRUE(at::equal(chosen.weights, table({{0, 1}, {0, 1}, {1, 1}})));
  EXPECT_FALSE(select({truth.labels, {}}, at::tensor({1}, at::kLong)).weights.defined());
}

TEST(Classification, RefusesWhatDoesNotFit) {
  const Truth truth{table({{1, 0}}), {}};
  EXPECT_EQ(
      message_of(Fault::run,
                 [&] {
                   f1(table({{1, 0, 0}}), truth);
                 }),
      "scores or decisions of the shape [1, 3] cannot be judged by labels of the shape [1, 2]; all must be [N,K]");
  EXPECT_EQ(
      message_of(Fault::run,
                 [&] {
                   accuracy(table({{1, 0}}), {truth.labels, table({{1}})});
                 }),
      "scores or decisions of the shape [1, 2] cannot be judged by labels of the shape [1, 2] with weights of the "
      "shape [1, 1]; all must be [N,K]");
  const at::Tensor bad = table({{1, std::nan("")}});
  EXPECT_EQ(message_of(Fault::run, [&] { average_precision(bad, truth); }),
            "a score that is not finite cannot be judged");
  EXPECT_EQ(message_of(Fault::run, [&] { decide_above(bad, 0); }), "a score that is not finite cannot be judged");
}

}  // namespace
}  // namespace attune::test
