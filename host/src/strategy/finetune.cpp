#include "strategy/strategy.h"

namespace attune::strategies {

// Labels are not looked at.
const Strategy finetune = {
    "finetune", "consistency only", {"spec", "data"}, 9, [](TrainingStep& step, StepReport& report) {
      report.consistency_loss = step.add_consistency_loss(1);
      report.gradient_norm = step.update();
    }};

}  // namespace attune::strategies
