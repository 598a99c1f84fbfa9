// One stage of a run: epochs of steps, validated, logged and kept in checkpoints.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "train/answers.h"
#include "train/checkpoint.h"
#include "train/log.h"
#include "train/observer.h"
#include "train/run_folder.h"
#include "train/session.h"
#include "train/step.h"

namespace attune {

// How long a stage is.
struct StageLength {
  int64_t per_epoch = 0;  // steps
  int64_t steps = 0;
  int64_t epochs = 0;  // the last of them may be cut short
};
StageLength length_of(const StageConfig& stage, int64_t examples);
// Of its batches, in examples.
int64_t smallest_batch(const StageConfig& stage, int64_t examples);

class StageRun {
 public:
  // From `position`, whose stage it is, with the optimisers' state where steps have been done. All outlive this.
  StageRun(TrainSession& session, const RunFiles& files, RunLog& log, Position& position, const NamedTensors& stepper,
           const TrainObserver& observer);

  // To the stage's end, where the model is the selected one. Throws Stopped, behind a checkpoint, where the observer
  // wants that; a loss that is not finite is an Error(Fault::run) that says where.
  void run();

 private:
  void run_epochs();
  void run_epoch();
  void take(const Batch& batch);
  StepReport step(const Batch& batch);
  void finish_epoch();
  void log_step(const StepReport& report);
  void log_epoch(int64_t epoch, NamedNumbers trained, const NamedNumbers& validated);
  NamedNumbers means() const;
  NamedNumbers validate(int64_t epoch);
  void select(const NamedNumbers& validated);
  bool is_best() const;
  void save_model();
  void save_checkpoint();
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
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace attune
