#include "strategy/strategy.h"

namespace attune::strategies {

const Strategy supervised = {"supervised", "labels only", {"loss"}, 3, [](TrainingStep& step, StepReport& report) {
                               report.loss = step.add_label_loss();
                               report.gradient_norm = step.update();
                             }};

}  // namespace attune::strategies
