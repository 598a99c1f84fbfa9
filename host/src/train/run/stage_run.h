// One stage of a run: epochs of steps, validated, logged and kept in checkpoints.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "train/model/predict.h"
#include "train/model/trainer.h"
#include "train/run/checkpoint.h"
#include "train/run/run_folder.h"
#include "train/run/session.h"

namespace attune {

// How long a stage is.
struct StageLength {
  int64_t per_epoch = 0;  // steps
  int64_t steps = 0;
  int64_t epochs = 0;  // the last of them may be cut short
};
StageLength length_of(const StageConfig& stage, int64_t examples);
// Whether a stage of that length can stand there: behind the steps of its finished epochs, and within the next one.
bool is_within(const Position& position, const StageLength& length);
// Of its batches, in examples.
int64_t smallest_batch(const StageConfig& stage, int64_t examples);

class Stopwatch {
 public:
  void restart() { begin_ = std::chrono::steady_clock::now(); }
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class StageRun {
 public:
  // From `position`, whose stage it is, with the optimisers' state where steps have been done. All outlive this. Throws
  // Error(Fault::input) for a position or a state that the stage cannot have.
  StageRun(TrainSession& session, const RunFiles& files, RunLog& log, Position& position,
           const NamedTensors& optimisers, const TrainObserver& observer, Forecast& forecast);

  // To the stage's end, where the model is the selected one. Throws Stopped, behind a checkpoint, where the observer
  // wants that; a loss that is not finite is an Error(Fault::run) that says where.
  void run();

 private:
  void run_epochs();
  void run_epoch();
  // `unlabelled` as in Trainer.
  void take(const Batch& batch, const Batch& unlabelled, const Stopwatch& watch);
  TrainProgress progress(int64_t epoch) const;
  Reached reached() const;
  StepReport step(const Batch& batch, const Batch& unlabelled);
  std::optional<BatchLoader> unlabelled_loader(int64_t steps) const;
  void finish_epoch();
  void log_step(const StepReport& report);
  // The row.
  NamedNumbers log_epoch(int64_t epoch, NamedNumbers trained, const NamedNumbers& validated);
  NamedNumbers means() const;
  NamedNumbers validate(int64_t epoch);
  bool is_best() const;
  void save_model();
  void save_other_files() const;
  void save_checkpoint();
  std::string place() const;

  TrainSession& session_;
  const RunFiles& files_;
  RunLog& log_;
  Position& position_;
  const TrainObserver& observer_;
  Forecast& forecast_;
  const size_t index_;
  const StageConfig& stage_;
  const StageLength length_;
  Trainer trainer_;
  Stopwatch saved_;
  Stopwatch look_;  // at the validation part
};

}  // namespace attune
