// The table of metrics, and what reads it.
#include "metrics/metric.h"

#include <ATen/ATen.h>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "config/run_documents.h"
#include "metrics/evaluation.h"

namespace attune::test {
namespace {

// Six examples of three classes, the last of which has one example only; two terms, one map of four pairs.
Predictions predictions() {
  Predictions all;
  all.scores =
      at::tensor({2.0, -1.0, -3.0, 1.0, 0.5, -2.0, -1.0, 2.0, -1.0, -2.0, 1.5, 0.5, 0.5, -0.5, -1.0, -1.0, -2.0, 3.0},
                 at::kDouble)
          .view({6, 3});
  all.truth.labels = at::tensor({1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1}, at::kFloat).view({6, 3});
  all.truth.weights = at::ones({6, 3});
  all.examples = {0, 1, 2, 3, 4, 5};
  all.terms = {"a", "b"};
  all.agreement = at::arange(12, at::kDouble).view({6, 2}) / 12;
  all.consistency_loss = -all.agreement.sum(1);
  all.losses = {all.consistency_loss.mean().item<double>()};
  all.maps = {"cam"};
  all.rows = at::tensor({0, 1, 2, 4}, at::kLong);
  all.classes = at::tensor({0, 0, 1, 1}, at::kLong);
  all.iou = at::tensor({0.5, 0.25, 1.0, 0.0}, at::kDouble).view({4, 1});
  all.pointing = at::tensor({1.0, 0.0, 1.0, 0.0}, at::kDouble).view({4, 1});
  return all;
}

EvaluationOptions options(int64_t resamples) {
  return {Task::multi_label, Objective::bce, {"x", "y", "z"}, 1, {resamples, 0.95, 7}};
}

double value_of(const Estimates& estimates, const std::string& name) {
  for (const auto& [known, estimate] : estimates) {
    if (known == name) return estimate.value;
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

TEST(Metrics, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Metric& metric : metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_NE(metric.value, nullptr) << metric.name;
    EXPECT_FALSE(metric.measures.empty() || metric.title.empty()) << metric.name;
  }
}

TEST(Metrics, AreDocumented) {
  std::ifstream stream(ATTUNE_SOURCE_DIR "/docs/evaluation.md");
  const std::string page(std::istreambuf_iterator<char>(stream), {});
  std::vector<std::string> names{term_metric};
  for (const Metric& metric : metrics()) names.push_back(metric.name);
  for (const ClassMetric& metric : class_metrics()) names.push_back(metric.name);
  for (const MapMetric& metric : map_metrics()) names.push_back(metric.name);
  for (const std::string& name : names) EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
}

// What a number is called and what it is worth come from one entry; here from functions of the room beside.
TEST(Metrics, AreWhatTheirNamesSay) {
  const Predictions all = predictions();
  const Evaluation found = evaluate(all, options(0));
  const at::Tensor decisions = decide_above(all.scores, 0), each = f1(decisions, all.truth);
  EXPECT_EQ(value_of(found.metrics, "f1_macro"), mean_of_defined(each));
  EXPECT_EQ(value_of(found.metrics, "f1_micro"), micro_f1(decisions, all.truth));
  EXPECT_EQ(value_of(found.metrics, "accuracy"), accuracy(decisions, all.truth));
  EXPECT_EQ(value_of(found.metrics, "mean_average_precision"),
            mean_of_defined(average_precision(all.scores, all.truth)));
  EXPECT_EQ(value_of(found.metrics, "mean_average_precision_voc"),
            mean_of_defined(average_precision(all.scores, all.truth, PrecisionCurve::voc2012)));
  EXPECT_EQ(value_of(found.metrics, "loss"),
            objective(Objective::bce, all.scores, all.truth.labels, all.truth.weights).item<double>());
  EXPECT_DOUBLE_EQ(value_of(found.metrics, "consistency_loss"), all.losses[0]);
  ASSERT_EQ(found.classes.size(), 3u);
  EXPECT_EQ(found.classes[2].count, 1);
  EXPECT_EQ(value_of(found.classes[1].estimates, "f1"), each[1].item<double>());
  ASSERT_EQ(found.maps.size(), 1u);
  EXPECT_EQ(found.maps[0].count, 4);
  EXPECT_DOUBLE_EQ(value_of(found.maps[0].estimates, "iou_all"), 1.75 / 4);
  EXPECT_DOUBLE_EQ(value_of(found.maps[0].estimates, "iou"), 1.75 / 3) << "the last is no hit";
  EXPECT_DOUBLE_EQ(value_of(found.maps[0].estimates, "pointing_game_all"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(found.maps[0].estimates, "pointing_game"), 2.0 / 3);
  ASSERT_EQ(found.terms.size(), 2u);
  EXPECT_DOUBLE_EQ(value_of(found.terms[1].estimates, "h"), 36.0 / 12 / 6);
}

// Order and keys of the documents that others read.
TEST(Metrics, StandInDocumentsAsBefore) {
  const auto keys = [](const nlohmann::ordered_json& json) {
    std::string all;
    for (const auto& [key, value] : json.items()) all += key + " ";
    return all;
  };
  const nlohmann::ordered_json json = evaluation_json(evaluate(predictions(), options(0)));
  EXPECT_EQ(keys(json), "samples metrics classes maps terms ");
  EXPECT_EQ(keys(json["metrics"]),
            "loss mean_average_precision mean_average_precision_voc f1_macro f1_micro accuracy consistency_loss ");
  EXPECT_EQ(keys(json["classes"][0]), "name count f1 average_precision ");
  EXPECT_EQ(keys(json["maps"][0]), "name count iou iou_all pointing_game pointing_game_all ");
  EXPECT_EQ(keys(json["terms"][0]), "name count h ");
  EXPECT_EQ(select_names(), (std::vector<std::string>{"mean_average_precision", "f1_macro", "f1_micro", "accuracy",
                                                      "loss", "consistency", "last"}));
}

TEST(Metrics, OfResamplesLieAroundTheirValues) {
  const Evaluation found = evaluate(predictions(), options(200)), plain = evaluate(predictions(), options(0));
  for (size_t i = 0; i < found.metrics.size(); ++i) {
    const auto& [name, estimate] = found.metrics[i];
    EXPECT_EQ(name, plain.metrics[i].first);
    EXPECT_EQ(estimate.value, plain.metrics[i].second.value) << name;
    EXPECT_TRUE(estimate.low <= estimate.value && estimate.value <= estimate.high) << name;
  }
}

TEST(Metrics, OfTwoModelsAreDifferences) {
  const Predictions first = predictions();
  Predictions second = first;
  second.scores = first.truth.labels.to(at::kDouble) * 2 - 1;  // all right
  const Evaluation before = evaluate(first, options(0)), after = evaluate(second, options(0));
  for (const int64_t resamples : {0, 50}) {
    const Evaluation found = evaluate_difference(first, second, options(resamples));
    for (size_t i = 0; i < found.metrics.size(); ++i) {
      const auto& [name, estimate] = found.metrics[i];
      EXPECT_DOUBLE_EQ(estimate.value, after.metrics[i].second.value - before.metrics[i].second.value) << name;
      EXPECT_EQ(std::isnan(estimate.p), resamples == 0) << name;
    }
    EXPECT_EQ(value_of(found.maps[0].estimates, "iou_all"), 0);
  }
}

// After an epoch: the same numbers, those that "select" knows.
TEST(Metrics, OfValidationAreThoseOfEvaluation) {
  const Predictions all = predictions();
  const Evaluation found = evaluate(all, options(0));
  const auto numbers = validation_numbers(all, Task::multi_label, Objective::bce);
  ASSERT_EQ(numbers.size(), 6u);
  for (const auto& [name, value] : numbers) EXPECT_EQ(value, value_of(found.metrics, name)) << name;
  Predictions without = all;
  without.losses.clear();
  EXPECT_EQ(validation_numbers(without, Task::multi_label, Objective::bce).size(), 5u);
}

TEST(Metrics, AreSelectedByName) {
  EXPECT_EQ(selecting_metric("last"), nullptr);
  EXPECT_EQ(selecting_metric("consistency")->name, "consistency_loss");
  for (const Metric& metric : validation_metrics()) EXPECT_EQ(selecting_metric(metric.select)->name, metric.name);
}

}  // namespace
}  // namespace attune::test
