#include "train/run.h"

#include <sstream>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "spec/json_document.h"
#include "train/results.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// What a run's results do not depend on.
std::string essence(TrainConfig config) {
  config.device = "cpu";
  config.threads = 0;
  config.checkpoint_seconds = 0;
  config.output.clear();
  return resolved_config(config);
}

std::string first_difference(const std::string& text, const std::string& other) {
  std::istringstream lines(text), others(other);
  std::string line, before;
  while (std::getline(others, before)) {
    if (!std::getline(lines, line) || line != before) break;
  }
  const size_t begin = before.find_first_not_of(" ");
  return begin == std::string::npos ? "the end" : before.substr(begin);
}

void require_same_config(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files) {
  const auto shipped = [](const std::string& name) -> fs::path { return name; };  // all paths are absolute
  const TrainConfig begun = read_train_config(files.config(), {catalogue, shipped});
  const std::string now = essence(config), before = essence(begun);
  if (now == before) return;
  throw Error(Fault::usage, "the run in " + files.folder.string() + " was begun with another config, where it says " +
                                first_difference(now, before) + "; give this one another \"output\"");
}

bool holds_anything(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder, error) && (!fs::is_directory(folder, error) || !fs::is_empty(folder, error));
}

// Begins the run's folder, or makes sure that it is this config's.
void prepare(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files, bool resume) {
  std::error_code error;
  if (holds_anything(files.folder) && !resume) {
    throw Error(Fault::usage, files.folder.string() + " exists; go on with --resume, or give another \"output\"");
  }
  if (fs::exists(files.config(), error)) return require_same_config(config, catalogue, files);
  if (holds_anything(files.folder)) {
    throw Error(Fault::usage, files.folder.string() + " is no run: it has no config.json");
  }
  prepare_output_folder(files.folder);
  write_file(files.config(), resolved_config(config));
}

// False when the observer has stopped it.
bool run_stages(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files, Checkpoint checkpoint,
                const TrainObserver& observer) {
  TrainSession session(config, catalogue, checkpoint.layer);
  if (!checkpoint.model.empty()) session.trainee->set_state(checkpoint.model);
  RunLog log(files.folder, checkpoint.log);
  Position position = checkpoint.position;
  while (position.stage < static_cast<int64_t>(config.stages.size())) {
    StageRun run(session, files, log, position, checkpoint.stepper, observer);
    if (!run.run()) return false;
    write_stage_results(session, files, position, observer);
    position = {position.stage + 1};
    write_checkpoint(files.checkpoint(),
                     {position, log.sync(), session.model->options().layer, session.trainee->state(), {}});
  }
  return true;
}

}  // namespace

Ending run_training(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer) {
  const RunFiles files{config.output};
  prepare(config, catalogue, files, resume);
  std::error_code error;
  Checkpoint checkpoint;
  if (fs::exists(files.checkpoint(), error)) checkpoint = read_checkpoint(files.checkpoint());
  const bool is_trained = checkpoint.position.stage == static_cast<int64_t>(config.stages.size());
  if (!is_trained && !run_stages(config, catalogue, files, std::move(checkpoint), observer)) return Ending::stopped;
  write_results(config, files);
  return Ending::finished;
}

}  // namespace attune
