// The table of strategies: what they do, in which order, and what reads it.
#include "strategy/strategy.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>

#include <attune/sdk/error.h>

#include "errors.h"

namespace attune::test {
namespace {

class RecordedStep : public TrainingStep {
 public:
  double add_label_loss() override { return note("labels ", 2); }
  double add_consistency_loss(double weight) override {
    return note(weight == 1 ? "consistency " : "weighted consistency ", 3);
  }
  double add_contrastive_loss() override { return note("views ", 6); }
  double add_pseudo_label_loss(double weight) override {
    return note(weight == 1 ? "pseudo-labels " : "weighted pseudo-labels ", 7);
  }
  double update() override { return note("update ", 4); }
  double update_for_consistency() override { return note("second update ", 5); }
  double alpha() const override { return 0.5; }

  std::string calls;

 private:
  double note(const char* call, double value) {
    calls += call;
    return value;
  }
};

std::string calls_of(const Strategy& strategy, StepReport& report) {
  RecordedStep step;
  strategy.step(step, report);
  return step.calls;
}

TEST(Strategies, DoWhatTheyAreCalled) {
  StepReport report;
  EXPECT_EQ(calls_of(strategies::supervised, report), "labels update ");
  EXPECT_TRUE(report.loss == 2 && std::isnan(report.consistency_loss) && report.gradient_norm == 4);
  report = {};
  EXPECT_EQ(calls_of(strategies::finetune, report), "consistency update ");
  EXPECT_TRUE(std::isnan(report.loss) && report.consistency_loss == 3 && report.gradient_norm == 4);
  report = {};
  EXPECT_EQ(calls_of(strategies::combined, report), "labels weighted consistency update ");
  EXPECT_TRUE(report.loss == 2 && report.consistency_loss == 3 && report.gradient_norm == 4);
  report = {};
  EXPECT_EQ(calls_of(strategies::alternated, report), "labels update weighted consistency second update ");
  EXPECT_TRUE(report.loss == 2 && report.consistency_loss == 3 && report.gradient_norm == 5);
  report = {};
  EXPECT_EQ(calls_of(strategies::simclr, report), "views update ");
  EXPECT_TRUE(std::isnan(report.loss) && report.unlabelled_loss == 6 && report.gradient_norm == 4);
  report = {};
  EXPECT_EQ(calls_of(strategies::fixmatch, report), "labels weighted pseudo-labels update ");
  EXPECT_TRUE(report.loss == 2 && report.unlabelled_loss == 7 && report.gradient_norm == 4);
}

// A strategy that trains with labels says so by its key, and likewise of the spec; the reader of configs goes by that.
TEST(Strategies, ReadTheKeysOfWhatTheyTake) {
  for (const Strategy* strategy : strategies::all()) {
    StepReport report;
    calls_of(*strategy, report);
    EXPECT_EQ(strategy->reads("loss"), !std::isnan(report.loss)) << strategy->name;
    EXPECT_EQ(strategy->reads("spec"), !std::isnan(report.consistency_loss)) << strategy->name;
  }
}

TEST(Strategies, AreDocumentedUnderNamesOfTheirOwn) {
  std::ifstream stream(ATTUNE_SOURCE_DIR "/docs/training.md");
  const std::string page(std::istreambuf_iterator<char>(stream), {});
  std::set<std::string> names;
  for (const Strategy* strategy : strategies::all()) {
    EXPECT_TRUE(names.insert(strategy->name).second) << strategy->name;
    EXPECT_NE(page.find('`' + std::string(strategy->name) + '`'), std::string::npos) << strategy->name;
    EXPECT_EQ(&strategies::named(strategy->name), strategy);
  }
  EXPECT_EQ(message_of(Fault::spec, [] { strategies::named("finetne"); }),
            "unknown strategy 'finetne' (did you mean \"finetune\"?)");
}

}  // namespace
}  // namespace attune::test
