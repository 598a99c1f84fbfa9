#include "train/run_folder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "spec/json_document.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// What a run's results depend on.
TrainConfig essence(TrainConfig config) {
  config.description.clear();
  config.device = "cpu";
  config.threads = 0;
  config.checkpoint_seconds = 0;
  config.output.clear();
  return config;
}

void require_same_config(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files) {
  const auto shipped = [](const std::string& name) -> fs::path { return name; };  // all paths are absolute
  const TrainConfig begun = read_train_config(files.config(), {catalogue, shipped});
  const std::string difference = first_difference(essence(begun), essence(config));
  if (difference.empty()) return;
  throw Error(Fault::usage, "the run in " + files.folder.string() + " was begun with another config: " + difference +
                                "; give this one another \"output\"");
}

// The specs that a run depends on, and where its folder keeps a copy of them.
std::vector<std::pair<fs::path, fs::path>> specs_of(const TrainConfig& config, const RunFiles& files) {
  std::vector<std::pair<fs::path, fs::path>> all;
  const auto add = [&](const NamedSpec& spec, const std::string& copy) {
    all.emplace_back(spec.file, files.specs() / (copy + ".json"));
  };
  for (const StageConfig& stage : config.stages) {
    if (stage.spec) add(*stage.spec, "stage_" + stage.name);
  }
  for (const NamedSpec& monitor : config.monitors) add(monitor, "monitor_" + monitor.name);
  if (config.evaluate.maps) add(*config.evaluate.maps, "evaluate");
  return all;
}

void require_same_specs(const TrainConfig& config, const RunFiles& files) {
  std::error_code error;
  for (const auto& [file, copy] : specs_of(config, files)) {
    if (!fs::exists(copy, error)) continue;
    const std::string difference = first_difference_of_specs(read_document(copy, "spec"), read_document(file, "spec"));
    if (difference.empty()) continue;
    throw Error(Fault::usage, "the run in " + files.folder.string() + " was begun with another " + file.string() +
                                  ": " + difference + "; change it back, or give this one another \"output\"");
  }
}

// More than what a run leaves that was killed in its first moment.
bool holds_anything(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fs::exists(folder, error);
  const auto entries = fs::directory_iterator(folder, error);
  return std::any_of(begin(entries), end(entries), [](const auto& entry) { return !is_unfinished(entry.path()); });
}

Error in_use(const fs::path& folder) {
  return {Fault::usage, folder.string() + " exists; go on with --resume, or give another \"output\""};
}

}  // namespace

RunFolder::RunFolder(const TrainConfig& config, const Catalogue& catalogue, bool resume)
    : config_(config), files_{config.output} {
  if (!holds_anything(files_.folder)) return;
  if (!resume) throw in_use(files_.folder);
  std::error_code error;
  if (!fs::exists(files_.config(), error)) {
    throw Error(Fault::usage, files_.folder.string() + " is no run: it has no config.json");
  }
  require_same_config(config, catalogue, files_);
  require_same_specs(config, files_);
  hold();
}

Checkpoint RunFolder::checkpoint() const {
  std::error_code error;
  return fs::exists(files_.checkpoint(), error) ? read_checkpoint(files_.checkpoint()) : Checkpoint{};
}

void RunFolder::begin() {
  if (!lock_) {
    if (holds_anything(files_.folder)) throw in_use(files_.folder);  // another process has begun one meanwhile
    prepare_output_folder(files_.folder);
    write_file(files_.config(), resolved_config(config_));
    hold();
  }
  keep_specs();
}

void RunFolder::keep_specs() const {
  std::error_code error;
  for (const auto& [file, copy] : specs_of(config_, files_)) {
    if (fs::exists(copy, error)) continue;
    prepare_output_folder(files_.specs());
    write_file(copy, read_document(file, "spec"));
  }
}

// From now on all that is half-written is left from a kill.
void RunFolder::hold() {
  lock_.emplace(files_.config(), "another attune is working in " + files_.folder.string());
  remove_abandoned_outputs(files_.folder);
}

}  // namespace attune
