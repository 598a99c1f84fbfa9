#include "train/run/run_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "json/document.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// The specs that a run depends on, and where its folder keeps a copy of them.
std::vector<std::pair<fs::path, fs::path>> specs_of(const TrainConfig& config, const RunFiles& files) {
  std::vector<std::pair<fs::path, fs::path>> all;
  const auto add = [&](const NamedSpec& spec, const std::string& copy) {
    all.emplace_back(spec.file, files.spec(copy));
  };
  for (const StageConfig& stage : config.stages) {
    if (stage.spec) add(*stage.spec, "stage_" + stage.name);
  }
  for (const NamedSpec& monitor : config.monitors) add(monitor, "monitor_" + monitor.name);
  if (config.evaluate.maps) add(*config.evaluate.maps, "evaluate");
  return all;
}

// The config with the copies of its specs that `files` has: whoever has the folder has the run.
TrainConfig with_own_specs(TrainConfig config, const RunFiles& files) {
  for (StageConfig& stage : config.stages) {
    if (stage.spec) stage.spec->file = files.spec("stage_" + stage.name);
  }
  for (NamedSpec& monitor : config.monitors) monitor.file = files.spec("monitor_" + monitor.name);
  if (config.evaluate.maps) config.evaluate.maps->file = files.spec("evaluate");
  return config;
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

FileLock::FileLock(const std::filesystem::path& file, const std::string& held)
    : descriptor_(open(file.c_str(), O_RDWR | O_CLOEXEC)) {
  if (descriptor_ < 0) throw Error(Fault::output, file.string() + ": cannot be written: " + std::strerror(errno));
  // Some file systems have no locks.
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(descriptor_);
  throw Error(Fault::usage, held);
}

FileLock::~FileLock() { close(descriptor_); }

RunFolder::RunFolder(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer)
    : config_(config), observer_(observer), files_{config.output} {
  if (!holds_anything(files_.folder)) return;
  if (!resume) throw in_use(files_.folder);
  std::error_code error;
  if (!fs::exists(files_.config(), error)) {
    throw Error(Fault::usage, files_.folder.string() + " is no run: it has no config.json");
  }
  hold();
  if (!fs::exists(files_.checkpoint(), error)) keep_specs();  // killed in its first moment
  require_same_config(catalogue);
  require_same_inputs(model_inputs(config));
}

void RunFolder::refuse(const std::string& other, const std::vector<std::string>& differences) const {
  const bool is_one = differences.size() == 1;
  if (!is_one) {
    for (const std::string& difference : differences) observer_.note(difference);
  }
  throw Error(Fault::usage, "the run in " + files_.folder.string() + " was begun with " + other + ": " +
                                differences[0] +
                                (is_one ? "" : " (and " + std::to_string(differences.size() - 1) + " more)") +
                                "; change it back, or give this one another \"output\"");
}

void RunFolder::require_same_config(const Catalogue& catalogue) const {
  const auto shipped = [](const std::string& name) -> fs::path { return name; };  // no spec is named so
  TrainConfig begun = read_train_config(files_.config(), {catalogue, shipped});
  std::error_code error;
  if (fs::exists(files_.specs(), error)) begun = with_own_specs(std::move(begun), files_);
  const std::vector<std::string> lines = differences(essential_config(begun), essential_config(config_));
  if (!lines.empty()) refuse("another config", lines);
  for (const std::string& line : harmless_differences(begun, config_)) {
    observer_.note(line + "; the run goes on with what it is now");
  }
}

void RunFolder::require_same_inputs(const RunInputs& now) const {
  std::error_code error;
  if (!fs::exists(files_.inputs(), error)) return;
  const std::vector<std::string> lines = changed_inputs(read_document(files_.inputs(), "document"), now);
  if (!lines.empty()) refuse("other files", lines);
}

Checkpoint RunFolder::checkpoint() const {
  std::error_code error;
  return fs::exists(files_.checkpoint(), error) ? read_checkpoint(files_.checkpoint()) : Checkpoint{};
}

void RunFolder::begin(const RunInputs& data) {
  require_same_inputs(data);
  if (!lock_) {
    if (holds_anything(files_.folder)) throw in_use(files_.folder);  // another process has begun one meanwhile
    prepare_output_folder(files_.folder);
    write_file(files_.config(), resolved_config(with_own_specs(config_, RunFiles{})));
    hold();
  }
  keep_specs();
  std::error_code error;
  if (fs::exists(files_.inputs(), error)) return;
  RunInputs all{{"/config", "sha1 " + sha1_of(essential_config(config_))}};
  for (const RunInputs& some : {model_inputs(config_), data}) all.insert(all.end(), some.begin(), some.end());
  write_file(files_.inputs(), inputs_document(all));
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
