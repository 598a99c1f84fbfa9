#include "train/observer.h"

namespace attune {

void TrainObserver::ask() const {
  if (!goes_on()) throw Stopped();
}

void TrainObserver::tell(const std::vector<Problem>& problems) const {
  for (const Problem& problem : problems) {
    if (told_.insert(problem.sentence).second) note(problem.sentence + " (skipped)");
  }
}

}  // namespace attune
