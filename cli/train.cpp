// attune train: runs the stages of a config, and goes on where a run has stopped.

#include <csignal>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include <attune/sdk/error.h>

#include "commands.h"
#include "json.h"
#include "progress.h"
#include "session.h"
#include "train/run.h"

namespace attune::cli {
namespace {

constexpr int interrupted = 130;  // as shells say

volatile std::sig_atomic_t wants_stop = 0;
void (*at_once)(int) = SIG_DFL;

// The first Ctrl-C ends the run behind the step that is under way, the second at once. Both can be taken up again.
void ask_to_stop(int signal) {
  wants_stop = 1;
  std::signal(signal, at_once);
}

std::string clock(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  std::ostringstream text;
  if (whole >= 3600) text << whole / 3600 << ':' << std::setfill('0') << std::setw(2);
  text << whole / 60 % 60 << ':' << std::setfill('0') << std::setw(2) << whole % 60;
  return text.str();
}

// One bar for each stage.
class Bars {
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
  }

  void clear() { bar_.reset(); }

 private:
  std::string stage_;
  int64_t before_ = 0;  // steps that this process has not done
  std::optional<Progress> bar_;
};

std::string shown(const Json& metric) {
  if (metric["value"].is_null()) return "-";
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << metric["value"].get<double>();
  if (!metric["low"].is_null()) {
    text << " [" << metric["low"].get<double>() << ", " << metric["high"].get<double>() << ']';
  }
  return text.str();
}

void print_text(const Json& results, const std::string& folder) {
  for (const Json& stage : results["stages"]) {
    std::cout << stage["name"].get<std::string>() << ": " << stage["epochs"] << " epochs, " << stage["steps"]
              << " steps; the model after epoch " << stage["epoch"] << " is selected\n";
    for (const auto& [split, result] : stage["splits"].items()) {
      std::cout << "  " << split << ", " << result["samples"] << " samples\n";
      for (const auto& [name, metric] : result["metrics"].items()) {
        std::cout << "    " << std::left << std::setw(24) << name << shown(metric) << '\n';
      }
    }
  }
  std::cout << "Models, logs and curves lie in " << folder << '\n';
}

Json read_results(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return Json::parse(stream);
}

}  // namespace

int train(const TrainOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  TrainConfig config = read_train_config(options.config, {catalogue, spec_file});
  if (!options.device.empty()) config.device = options.device;
  if (options.threads > 0) config.threads = options.threads;
  parse_device(config.device);
  use_threads(config.threads);

  Bars bars;
  TrainObserver observer;
  observer.step = [&](const TrainProgress& at) {
    bars.advance(at);
    return wants_stop == 0;
  };
  observer.note = [&](const std::string& note) {
    bars.clear();
    std::cerr << "attune: note: " << note << '\n';
  };
  at_once = std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  const Ending ending = run_training(config, catalogue, options.resume, observer);
  bars.clear();
  if (ending == Ending::stopped) {
    std::cerr << "attune: stopped; go on with `attune train " << options.config << " --resume`\n";
    return interrupted;
  }
  const Json results = read_results(config.output / "results.json");
  if (options.json) {
    print(results);
  } else {
    print_text(results, config.output.string());
  }
  return 0;
}

}  // namespace attune::cli
