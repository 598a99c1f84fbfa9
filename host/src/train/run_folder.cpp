#include "train/run_folder.h"

#include <sstream>

#include <attune/sdk/error.h>

#include "image/output_file.h"

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
  const size_t begin = before.find_first_not_of(' ');
  if (begin == std::string::npos) return "the end";
  return before.substr(begin, before.find_last_not_of(',') + 1 - begin);
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

// Makes sure that the folder is this config's, or free.
void check_folder(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files, bool resume) {
  std::error_code error;
  if (holds_anything(files.folder) && !resume) {
    throw Error(Fault::usage, files.folder.string() + " exists; go on with --resume, or give another \"output\"");
  }
  if (fs::exists(files.config(), error)) return require_same_config(config, catalogue, files);
  if (holds_anything(files.folder)) {
    throw Error(Fault::usage, files.folder.string() + " is no run: it has no config.json");
  }
}

}  // namespace

Checkpoint open_run(const TrainConfig& config, const Catalogue& catalogue, const RunFiles& files, bool resume) {
  if (resume) remove_abandoned_outputs(files.folder);
  check_folder(config, catalogue, files, resume);
  std::error_code error;
  return fs::exists(files.checkpoint(), error) ? read_checkpoint(files.checkpoint()) : Checkpoint{};
}

void begin_run(const TrainConfig& config, const RunFiles& files) {
  std::error_code error;
  if (fs::exists(files.config(), error)) return;
  prepare_output_folder(files.folder);
  write_file(files.config(), resolved_config(config));
}

}  // namespace attune
