// Which consistency losses go along with the validation loss while a model is trained (Mirzazadeh et al. 2022, Table
// 4).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <attune/catalogue.h>

#include "config/train_config.h"
#include "train/run/run.h"

namespace attune {

// What was seen of the validation part after an epoch.
struct AblationEpoch {
  std::string stage;
  int64_t epoch = 0;           // of the stage, from 1
  double loss = 0;             // of labels
  std::vector<double> losses;  // of the monitors
};

struct Ablation {
  Ending ending = Ending::finished;
  std::vector<std::string> monitors;
  std::vector<AblationEpoch> epochs;
};

// Trains as the config says, in a folder as run_training's but without results, and after every epoch takes every
// monitor's loss of the validation part; the folder's monitors.csv has them all. A run is taken up as run_training's.
// Throws Error(Fault::spec) for a config without monitors or without a validation part, Error(Fault::usage) for a
// folder that run_training has begun, and what run_training throws.
Ablation run_ablation(const TrainConfig& config, const Catalogue& catalogue, bool resume,
                      const TrainObserver& observer = {});

// Pearson's coefficient of each monitor's loss with the validation loss over the epochs, -1 to 1; NaN for fewer than
// three epochs, and where one of the two does not change.
std::vector<double> correlations(const Ablation& ablation);

}  // namespace attune
