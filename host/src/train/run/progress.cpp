#include "train/run/progress.h"

#include <algorithm>
#include <cmath>

#include "train/model/predict.h"

namespace attune {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t remembered = 20;  // pieces whose times make the mean

}  // namespace

Forecast::Forecast(std::vector<StageWork> stages) : stages_(std::move(stages)), timed_(stages_.size()) {}

void Forecast::took(size_t stage, Work piece, double seconds) {
  Timed& of = timed(stage, piece);
  of.count = std::min(of.count + 1, remembered);
  of.mean += (seconds - of.mean) / static_cast<double>(of.count);
}

double Forecast::pace(size_t stage, Work piece) const {
  double pace = unknown;
  size_t nearest = stages_.size();
  for (size_t i = 0; i < stages_.size(); ++i) {
    const double guess = stages_[i].guess[static_cast<size_t>(piece)];
    const size_t distance = i > stage ? i - stage : stage - i;
    if (timed(i, piece).count == 0 || guess <= 0 || distance >= nearest) continue;
    pace = timed(i, piece).mean / guess;
    nearest = distance;
  }
  return pace;
}

double Forecast::cost(size_t stage, Work piece) const {
  if (timed(stage, piece).count > 0) return timed(stage, piece).mean;
  const double guess = stages_[stage].guess[static_cast<size_t>(piece)];
  if (guess <= 0) return 0;
  for (const Work known : {piece, Work::step, Work::look, Work::end}) {
    const double seconds = pace(stage, known);
    if (!std::isnan(seconds)) return seconds * guess;
  }
  return unknown;
}

double Forecast::left(const Reached& at) const {
  double seconds = 0;
  for (size_t i = at.stage; i < stages_.size(); ++i) {
    const bool is_begun = i == at.stage;
    const int64_t steps = stages_[i].steps - (is_begun ? at.steps : 0);
    const int64_t looks = stages_[i].looks - (is_begun ? at.looks : 0);
    if (steps > 0) seconds += static_cast<double>(steps) * cost(i, Work::step);
    if (looks > 0) seconds += static_cast<double>(looks) * cost(i, Work::look);
    seconds += cost(i, Work::end);
  }
  return seconds;
}

double Forecast::left(const Reached& at, Work under_way, double seconds) const {
  return left(at) - std::min(seconds, cost(at.stage, under_way));
}

void TrainObserver::ask() const {
  if (!goes_on()) throw Stopped();
}

void TrainObserver::looked(const Batch& batch, TrainProgress& progress, double left) const {
  tell(batch.problems);
  progress.looked += examples_of(batch);
  progress.left = left;
  look(progress);
  ask();
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
