// What a run's models have reached.
#pragma once

#include "train/stage_run.h"

namespace attune {

// Evaluates the stage's selected model, which the session's is, on the validation and the test part, with intervals:
// stages/<name>/results.json. Throws Stopped.
void write_stage_results(const TrainSession& session, const RunFiles& files, const Position& position,
                         const Forecast& forecast, const TrainObserver& observer);

// Those of all stages in one document, with the examples that the run's checkpoint knows as left out: results.json.
void write_results(const TrainConfig& config, const RunFiles& files);

}  // namespace attune
