#include "train/run/observer.h"

namespace attune {

void TrainObserver::ask() const {
  if (!goes_on()) throw Stopped();
}

void TrainObserver::tell(const std::vector<Problem>& problems) const {
  for (const Problem& problem : problems) {
    if (told_.emplace(problem.sentence, problem).second) note(problem.sentence + " (skipped)");
  }
}

void TrainObserver::remember(const std::vector<Problem>& problems) const {
  for (const Problem& problem : problems) told_.emplace(problem.sentence, problem);
}

std::vector<Problem> TrainObserver::left_out() const {
  std::vector<Problem> all;
  for (const auto& [sentence, problem] : told_) all.push_back(problem);
  return all;
}

}  // namespace attune
