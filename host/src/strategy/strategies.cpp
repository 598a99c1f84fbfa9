#include <algorithm>

#include <attune/sdk/error.h>

#include "strategy/strategy.h"

namespace attune {

bool Strategy::reads(std::string_view key) const { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

namespace strategies {

const Strategy supervised = {"supervised", "labels only", {"loss"}, 3, [](TrainingStep& step, StepReport& report) {
                               report.loss = step.add_label_loss();
                               report.gradient_norm = step.update();
                             }};

// Labels are not looked at.
const Strategy finetune = {
    "finetune", "consistency only", {"spec", "data"}, 9, [](TrainingStep& step, StepReport& report) {
      report.consistency_loss = step.add_consistency_loss(1);
      report.gradient_norm = step.update();
    }};

// The sum of both gradients in one update.
const Strategy combined = {
    "combined", "both in every step", {"loss", "spec", "alpha"}, 12, [](TrainingStep& step, StepReport& report) {
      report.loss = step.add_label_loss();
      report.consistency_loss = step.add_consistency_loss(step.alpha());
      report.gradient_norm = step.update();
    }};

// An update along the labels' loss, then one along the consistency loss of the same batch.
const Strategy alternated = {"alternated",
                             "in turn",
                             {"loss", "spec", "alpha", "consistency_optimizer"},
                             12,
                             [](TrainingStep& step, StepReport& report) {
                               report.loss = step.add_label_loss();
                               step.update();
                               report.consistency_loss = step.add_consistency_loss(step.alpha());
                               report.gradient_norm = step.update_for_consistency();
                             }};

// Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020.
const Strategy simclr = {"simclr",
                         "two views of a picture alike, before labels",
                         {"data", "temperature", "projection"},
                         6,
                         [](TrainingStep& step, StepReport& report) {
                           report.unlabelled_loss = step.add_contrastive_loss();
                           report.gradient_norm = step.update();
                         }};

// Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence", 2020.
const Strategy fixmatch = {"fixmatch",
                           "labels, and the model's own labels of other pictures",
                           {"loss", "data", "alpha", "threshold", "strong", "ratio"},
                           30,
                           [](TrainingStep& step, StepReport& report) {
                             report.loss = step.add_label_loss();
                             report.unlabelled_loss = step.add_pseudo_label_loss(step.alpha());
                             report.gradient_norm = step.update();
                           }};

const std::vector<const Strategy*>& all() {
  static const std::vector<const Strategy*> table = {&supervised, &finetune, &combined,
                                                     &alternated, &simclr,   &fixmatch};
  return table;
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const Strategy* strategy : all()) names.emplace_back(strategy->name);
  return names;
}

const Strategy& named(const std::string& name) {
  for (const Strategy* strategy : all()) {
    if (strategy->name == name) return *strategy;
  }
  throw Error(Fault::spec, "unknown strategy '" + name + "'" + did_you_mean(name, names()));
}

}  // namespace strategies
}  // namespace attune
