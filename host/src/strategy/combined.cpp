#include "strategy/strategy.h"

namespace attune::strategies {

// The sum of both gradients in one update.
const Strategy combined = {
    "combined", "both in every step", {"loss", "spec", "alpha"}, 12, [](TrainingStep& step, StepReport& report) {
      report.loss = step.add_label_loss();
      report.consistency_loss = step.add_consistency_loss(step.alpha());
      report.gradient_norm = step.update();
    }};

}  // namespace attune::strategies
