// What `attune train`, `attune ablate` and `attune evaluate` share: the config, progress, and Ctrl-C.
#pragma once

#include <attune/catalogue.h>

#include "config/train_config.h"
#include "options.h"
#include "train/run/stage_run.h"

namespace attune::cli {

// With what the command line says of device and threads, which is used from now on.
TrainConfig training_config(const ConfigFlags& options, const Catalogue& catalogue);

// Tells of progress and notes on standard error: by a bar where that is a terminal, by a line for each epoch elsewhere.
// Once a run has begun, the first Ctrl-C ends it behind the batch that is under way, the second at once; both can be
// taken up again.
TrainObserver watched_run(const TrainConfig& config);

// Says how a stopped run is taken up, and gives the exit code: 128 + the signal, as shells say.
int say_stopped(const char* command, const TrainOptions& options);

}  // namespace attune::cli
