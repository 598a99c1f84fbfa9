// Where a run writes, and how it begins there or goes on.
#pragma once

#include <filesystem>
#include <string>

#include <attune/catalogue.h>

#include "spec/train_config.h"
#include "train/checkpoint.h"

namespace attune {

struct RunFiles {
  std::filesystem::path folder;

  std::filesystem::path config() const { return folder / "config.json"; }
  std::filesystem::path checkpoint() const { return folder / "checkpoint.pt"; }
  std::filesystem::path results() const { return folder / "results.json"; }
  std::filesystem::path stage(const std::string& name) const { return folder / "stages" / name; }
  std::filesystem::path model(const std::string& name) const { return stage(name) / "model.pt"; }
};

// With `resume`, the checkpoint of the run that this config has begun there, rid of what was half-written when it was
// killed; otherwise the beginning of a run. Throws Error(Fault::usage) for a folder that exists without `resume`, is no
// run's, or was begun with another config; device, threads, the time between checkpoints and the folder's own place may
// differ.
Checkpoint open_run(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files, bool resume);

// Makes the folder and its config.json, where they are not there yet.
void begin_run(const TrainConfig& config, const RunFiles& files);

}  // namespace attune
