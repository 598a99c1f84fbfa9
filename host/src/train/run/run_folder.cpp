#include "train/run/run_folder.h"

#include <algorithm>
#include <c10/util/hash.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/file.h>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "json/document.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// Calls `use` with every spec that a run depends on, and with what its folder calls the copy.
template <class Config, class Use>
void for_each_spec(Config& config, const Use& use) {
  for (auto& stage : config.stages) {
    if (stage.spec) use(*stage.spec, "stage_" + stage.name);
  }
  for (auto& monitor : config.monitors) use(monitor, "monitor_" + monitor.name);
  if (config.evaluate.maps) use(*config.evaluate.maps, std::string("evaluate"));
}

// The config with the copies of its specs that `files` has: whoever has the folder has the run.
TrainConfig with_own_specs(TrainConfig config, const RunFiles& files) {
  for_each_spec(config, [&](NamedSpec& spec, const std::string& copy) { spec.file = files.spec(copy); });
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

std::optional<std::string> hash_of_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  return sha1_of({std::istreambuf_iterator<char>(stream), {}});
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
  for_each_spec(config_, [&](const NamedSpec& spec, const std::string& name) {
    std::error_code error;
    if (fs::exists(files_.spec(name), error)) return;
    prepare_output_folder(files_.specs());
    write_file(files_.spec(name), read_document(spec.file, "spec"));
  });
}

// From now on all that is half-written is left from a kill.
void RunFolder::hold() {
  lock_.emplace(files_.config(), "another attune is working in " + files_.folder.string());
  remove_abandoned_outputs(files_.folder);
}

std::string sha1_of(const std::string& bytes) {
  c10::sha1 hash(bytes);
  if (bytes.empty()) hash.reset();  // it is not set up by an empty text
  return hash.str();
}

RunInputs model_inputs(const TrainConfig& config) {
  const auto hash = hash_of_file(config.model);
  if (!hash) return {};
  const auto sidecar = hash_of_file(std::filesystem::path(config.model).replace_extension(".json"));
  return {{"/model", "sha1 " + *hash}, {"/model.json", sidecar ? "sha1 " + *sidecar : "none"}};
}

std::string hash_of(const Dataset& dataset) {
  std::ostringstream text;
  text.precision(17);
  for (const Example& example : dataset.examples) {
    text << example.id << '\0' << example.path.lexically_relative(dataset.list.parent_path()).string() << '\0';
    for (const int64_t label : example.labels) text << label << ' ';
    text << '|';
    for (const int64_t label : example.unsure) text << label << ' ';
    for (const Box& box : example.boxes) {
      const Region& region = box.region;
      text << '|' << box.label << ' ' << region.x << ' ' << region.y << ' ' << region.width << ' ' << region.height
           << ' ' << box.difficult;
    }
    text << '\0';
  }
  return std::to_string(dataset.examples.size()) + " examples, sha1 " + sha1_of(text.str());
}

}  // namespace attune
