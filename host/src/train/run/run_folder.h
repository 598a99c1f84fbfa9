// Where a run writes, and how it begins there or goes on.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <attune/catalogue.h>

#include "config/run_documents.h"
#include "config/train_config.h"
#include "data/dataset.h"
#include "train/run/checkpoint.h"
#include "train/run/progress.h"

namespace attune {

struct RunFiles {
  std::filesystem::path folder;

  std::filesystem::path config() const { return folder / "config.json"; }
  std::filesystem::path checkpoint() const { return folder / "checkpoint.pt"; }
  std::filesystem::path results() const { return folder / "results.json"; }
  std::filesystem::path inputs() const { return folder / "inputs.json"; }  // hashes of what the run has read
  std::filesystem::path specs() const { return folder / "specs"; }         // copies of those that the config names
  std::filesystem::path spec(const std::string& name) const { return specs() / (name + ".json"); }
  std::filesystem::path monitors() const { return folder / "monitors.csv"; }  // of `attune ablate`
  std::filesystem::path stage(const std::string& name) const { return folder / "stages" / name; }
  std::filesystem::path model(const std::string& name) const { return stage(name) / "model.pt"; }
};

// A file that one process at a time may hold.
class FileLock {
 public:
  // Of a file that is there, until the process ends, in whatever way. Throws Error(Fault::usage) with that sentence
  // when somebody else holds it, Error(Fault::output) when it cannot be opened for writing.
  FileLock(const std::filesystem::path& file, const std::string& held);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

// A config's "output", which one process at a time works in.
class RunFolder {
 public:
  // Of a run that this config has begun there, or that nobody has begun yet. Throws Error(Fault::usage) for a folder
  // with anything in it without `resume`, and for one that is no run's, was begun with another config, other specs or
  // another model, or is held by another process; of several differences the observer gets a note each. Description,
  // device, threads, the time between checkpoints and the folder's own place may differ; the observer is told how, but
  // for description and place. Config and observer must outlive this.
  RunFolder(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer);

  const RunFiles& files() const { return files_; }
  // The last of the run, or its beginning. Throws Error(Fault::input).
  Checkpoint checkpoint() const;
  // Makes the folder, its config.json, its specs and its inputs.json, where they are not there yet. `data` are hashes
  // of the parts that the run has read. Throws Error(Fault::usage) where the run was begun with others.
  void begin(const RunInputs& data);

 private:
  void hold();
  void keep_specs() const;
  void require_same_config(const Catalogue& catalogue) const;
  void require_same_inputs(const RunInputs& now) const;
  [[noreturn]] void refuse(const std::string& other, const std::vector<std::string>& differences) const;

  const TrainConfig& config_;
  const TrainObserver& observer_;
  const RunFiles files_;
  std::optional<FileLock> lock_;  // of config.json
};

// What a run reads beside its config and its specs, as hashes: to repeat it, and to see what has changed meanwhile.

// The model's file and the model.json beside it, as sha1sum prints them; nothing of a file that cannot be read.
RunInputs model_inputs(const TrainConfig& config);

// The names, labels and boxes of a part's examples, in their order: its lists and annotations. Pictures themselves are
// not read.
std::string hash_of(const Dataset& dataset);

// As sha1sum prints it.
std::string sha1_of(const std::string& bytes);

}  // namespace attune
