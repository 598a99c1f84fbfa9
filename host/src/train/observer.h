// Who watches a run.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "spec/train_config.h"
#include "train/step.h"

namespace attune {

struct TrainProgress {
  std::string stage;
  int64_t epoch = 0;  // that is under way, from 1
  int64_t epochs = 0;
  int64_t step = 0;  // of the stage, done
  int64_t steps = 0;
  StepReport report;
};

// Thrown where an observer wants a run to stop.
struct Stopped : std::exception {};

class TrainObserver {
 public:
  // When everything is read and tried, and before anything is written.
  std::function<void()> begin = [] {};
  // Asked behind every step, and behind every batch that is validated or measured; false: stop there, so that the run
  // can be taken up again.
  std::function<bool()> goes_on = [] { return true; };
  std::function<void(const TrainProgress&)> step = [](const TrainProgress&) {};
  // When an epoch is over and nothing of its end is written yet.
  std::function<void(const StageConfig& stage, int64_t epoch)> epoch = [](const StageConfig&, int64_t) {};
  std::function<void(const std::string&)> note = [](const std::string&) {};

  // Throws Stopped.
  void ask() const;
  // Notes examples that are left out, each once.
  void tell(const std::vector<Problem>& problems) const;

 private:
  mutable std::set<std::string> told_;
};

}  // namespace attune
