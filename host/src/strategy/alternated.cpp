#include "strategy/strategy.h"

namespace attune::strategies {

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

}  // namespace attune::strategies
