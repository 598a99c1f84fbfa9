#include "training_run.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

#include "progress.h"
#include "session.h"
#include "stop.h"

namespace attune::cli {
namespace {

std::string clock(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  std::ostringstream text;
  if (whole >= 3600) text << whole / 3600 << ':' << std::setfill('0') << std::setw(2);
  text << whole / 60 % 60 << ':' << std::setfill('0') << std::setw(2) << whole % 60;
  return text.str();
}

// As a shell reads it back.
std::string shell_word(const std::string& text) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("/._-+,:@%=", c) != nullptr; };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// One bar for each stage.
class StageBars {
 public:
  void advance(const TrainProgress& at) {
    if (!bar_ || at.stage != stage_) {
      stage_ = at.stage;
      before_ = at.step - 1;
      bar_.reset();
      bar_.emplace("steps", at.steps - before_);
    }
    std::ostringstream note;
    note << at.stage << ", epoch " << at.epoch << '/' << at.epochs << std::fixed << std::setprecision(3);
    if (at.report.loss == at.report.loss) note << ", loss " << at.report.loss;
    if (at.report.consistency_loss == at.report.consistency_loss) {
      note << ", consistency loss " << at.report.consistency_loss;
    }
    const auto done = static_cast<double>(at.step - before_);
    note << ", " << clock(bar_->seconds() / done * static_cast<double>(at.steps - at.step)) << " left";
    bar_->advance(1, note.str());
    if (at.step == at.steps) bar_.reset();
  }

  void note(const std::string& note) {
    bar_.reset();
    std::cerr << "attune: note: " << note << '\n';
  }

 private:
  std::string stage_;
  int64_t before_ = 0;  // steps that this process has not done
  std::optional<Progress> bar_;
};

}  // namespace

TrainConfig training_config(const TrainOptions& options, const Catalogue& catalogue) {
  TrainConfig config = read_train_config(options.config, {catalogue, shipped_spec});
  if (!options.device.empty()) config.device = options.device;
  if (options.threads > 0) config.threads = options.threads;
  config.device = parse_device(config.device).str();
  use_threads(config.threads);
  return config;
}

TrainObserver watched_run() {
  const auto bars = std::make_shared<StageBars>();
  TrainObserver observer;
  observer.begin = catch_stop;
  observer.goes_on = [] { return !stop_requested(); };
  observer.step = [bars](const TrainProgress& at) { bars->advance(at); };
  observer.note = [bars](const std::string& note) { bars->note(note); };
  return observer;
}

int say_stopped(const char* command, const TrainOptions& options) {
  std::string line = std::string("attune ") + command + ' ' + shell_word(options.config);
  if (!options.device.empty()) line += " --device " + options.device;
  if (options.threads > 0) line += " --threads " + std::to_string(options.threads);
  for (const std::string& folder : options.plugin_dirs) line += " --plugin-dir " + shell_word(folder);
  std::cerr << "attune: stopped; go on with `" << line << " --resume`\n";
  return stop_code();
}

}  // namespace attune::cli
