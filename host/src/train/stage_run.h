// One stage of a run: epochs of steps, validated, logged and kept in checkpoints.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "train/answers.h"
#include "train/checkpoint.h"
#include "train/log.h"
#include "train/run_folder.h"
#include "train/session.h"
#include "train/step.h"

namespace attune {

// What somebody who watches is told.
struct TrainProgress {
  std::string stage;
  int64_t epoch = 0;  // that is under way, from 1
  int64_t epochs = 0;
  int64_t step = 0;  // of the stage, done
  int64_t steps = 0;
  StepReport report;
};

struct TrainObserver {
  // After every step; false: stop behind it, so that the run can be taken up again.
  std::function<bool(const TrainProgress&)> step;
  // When an epoch is over and nothing of its end is written yet.
  std::function<void(const StageConfig& stage, int64_t epoch)> epoch;
  std::function<void(const std::string&)> note;
};

// How long a stage is.
struct StageLength {
  int64_t per_epoch = 0;  // steps
  int64_t steps = 0;
  int64_t epochs = 0;  // the last of them may be cut short
};
StageLength length_of(const StageConfig& stage, int64_t examples);

class StageRun {
 public:
  // From `position`, whose stage it is, with the optimisers' state where steps have been done. All outlive this.
  StageRun(TrainSession& session, const RunFiles& files, RunLog& log, Position& position, const NamedTensors& stepper,
           const TrainObserver& observer);

  // To the stage's end, where the model is the selected one; false when the observer has stopped it. A loss that is not
  // finite is an Error(Fault::run) that says where.
  bool run();

 private:
  bool run_epoch();
  bool take(const Batch& batch);
  StepReport step(const Batch& batch);
  void finish_epoch();
  void log_step(const StepReport& report);
  NamedNumbers validate();
  void select(const NamedNumbers& numbers);
  void save_model();
  void save_checkpoint();
  void note(const std::vector<Problem>& problems);
  std::string place() const;

  TrainSession& session_;
  const RunFiles& files_;
  RunLog& log_;
  Position& position_;
  const TrainObserver& observer_;
  const size_t index_;
  const StageConfig& stage_;
  const StageLength length_;
  Stepper stepper_;
  std::set<std::filesystem::path> noted_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace attune
