// Training as a config asks for it, from the data to the results.
#pragma once

#include <functional>

#include <attune/catalogue.h>

#include "config/train_config.h"
#include "train/run/stage_run.h"

namespace attune {

enum class Ending { finished, stopped };

// Called when a stage is over and its selected model is the session's.
using StageDone = std::function<void(const Position&, const Forecast&)>;

// Begins the run in its folder, or goes on, with the stages that are left behind the checkpoint.
Ending run_stages(TrainSession& session, RunFolder& folder, Checkpoint checkpoint, const TrainObserver& observer,
                  const StageDone& done = {});

inline bool is_trained(const TrainConfig& config, const Position& position) {
  return position.stage >= static_cast<int64_t>(config.stages.size());
}

// All stages in a row; each begins with the model that the one before has selected. The run's folder holds config.json,
// log.csv, log.jsonl, curves_*.png, checkpoint.pt, results.json, and of every stage stages/<name>/model.pt with its
// sidecar model.json.
//
// On one machine and with one number of threads a run is a function of its config: it can be killed at any moment, and
// taken up with `resume` it ends with the same bytes in every model. With `resume` a folder that does not exist is
// begun. Throws Error(Fault::run) for a loss that is not finite, Error(Fault::usage) for a folder that run_ablation has
// begun, and what RunFolder and TrainSession throw.
Ending run_training(const TrainConfig& config, const Catalogue& catalogue, bool resume,
                    const TrainObserver& observer = {});

}  // namespace attune
