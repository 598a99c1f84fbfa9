// attune train: runs the stages of a config, and goes on where a run has stopped.

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "commands.h"
#include "config/run_documents.h"
#include "evaluation_report.h"
#include "metrics/metric.h"
#include "progress.h"
#include "report/json.h"
#include "session.h"
#include "train/run/run.h"
#include "training_run.h"

namespace attune::cli {
namespace {

std::string about_left(double seconds) {
  const std::string left = time_left(seconds);
  return left.empty() ? "" : ", " + left;
}

std::string with_digits(const std::string& name, double value) {
  if (std::isnan(value)) return "";
  return ", " + name + ' ' + fixed(value);
}

// "validation_f1_macro" in words.
std::string in_words(std::string column) {
  std::replace(column.begin(), column.end(), '_', ' ');
  return column;
}

// As a shell reads it back.
std::string shell_word(const std::string& text) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("/._-+,:@%=", c) != nullptr; };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// One bar for each stage, on a terminal.
class StageBars {
 public:
  void step(const TrainProgress& at) {
    bar_of(at, at.step - 1);
    std::string note = at.stage + ", epoch " + std::to_string(at.epoch) + '/' + std::to_string(at.epochs);
    note += with_digits("loss", at.report.loss) + with_digits("consistency loss", at.report.consistency_loss) +
            with_digits("unlabelled loss", at.report.unlabelled_loss);
    bar_->advance(1, note, at.left);
  }

  void look(const TrainProgress& at) {
    bar_of(at, at.step);
    bar_->busy(
        at.stage + ", on the " + at.part + " part " + std::to_string(at.looked) + '/' + std::to_string(at.to_look),
        at.left);
  }

  void note(const std::string& note) { say("attune: note: " + note); }

 private:
  // `before`: steps that this process has not done.
  void bar_of(const TrainProgress& at, int64_t before) {
    if (bar_ && at.stage == stage_) return;
    stage_ = at.stage;
    bar_.reset();
    bar_.emplace("steps", at.steps, before);
  }

  std::string stage_;
  std::optional<Progress> bar_;
};

// What stands in a log where nobody looks at a bar: losses and, of the other metrics, the one that selects.
void print_epoch(const EpochReport& report, const std::string& selecting) {
  if (report.numbers.empty()) return;
  std::string line;
  std::vector<std::string> columns;
  for (const bool validated : {false, true}) {
    for (const Metric& metric : validation_metrics()) {
      if (metric.better == Better::lower) columns.push_back(validated ? validation_column(metric.name) : metric.name);
    }
  }
  if (std::find(columns.begin(), columns.end(), selecting) == columns.end()) columns.push_back(selecting);
  columns.emplace_back("unlabelled_loss");
  for (const std::string& column : columns) line += with_digits(in_words(column), number_of(report.numbers, column));
  if (report.is_best && !std::isnan(number_of(report.numbers, selecting))) line += " (best)";
  say("attune: epoch " + std::to_string(report.epoch) + '/' + std::to_string(report.epochs) + " of " + report.stage +
      line.replace(0, 1, ":") + about_left(report.left));
}

void print_text(const Json& results, const std::string& folder) {
  for (const Json& stage : results["stages"]) {
    std::cout << stage["name"].get<std::string>() << ": " << stage["epochs"] << " epochs, " << stage["steps"]
              << " steps; the model after epoch " << stage["epoch"] << " is selected\n\n";
    std::vector<std::pair<std::string, Evaluation>> parts;
    for (const auto& [part, result] : stage["splits"].items()) parts.emplace_back(part, evaluation_of(result));
    if (parts.empty()) continue;
    print_parts(std::cout, parts);
    std::cout << '\n';
  }
  print_left_out(std::cout, results["problems"]);
  std::cout << "Models, logs and curves lie in " << folder << "; results.json has the numbers of every class\n";
}

Json read_results(const std::filesystem::path& file) {
  std::ifstream stream(file);
  Json results = Json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (results.is_discarded()) throw Error(Fault::input, file.string() + ": cannot be read as JSON");
  return results;
}

}  // namespace

TrainConfig training_config(const ConfigFlags& options, const Catalogue& catalogue) {
  TrainConfig config = read_train_config(options.config, {catalogue, shipped_spec});
  if (!options.device.empty()) config.device = options.device;
  if (options.threads > 0) config.threads = options.threads;
  config.device = parse_device(config.device).str();
  use_threads(config.threads);
  return config;
}

TrainObserver watched_run(const TrainConfig& config) {
  const auto bars = std::make_shared<StageBars>();
  TrainObserver observer;
  observer.begin = catch_stop;
  observer.goes_on = [] { return !stop_requested(); };
  observer.note = [bars](const std::string& note) { bars->note(note); };
  if (isatty(STDERR_FILENO) == 1) {
    observer.step = [bars](const TrainProgress& at) { bars->step(at); };
    observer.look = [bars](const TrainProgress& at) { bars->look(at); };
  } else {
    observer.epoch_over = [column = selecting_column(config.select)](const EpochReport& report) {
      print_epoch(report, column);
    };
  }
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

int train(const TrainOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const TrainConfig config = training_config(options, catalogue);
  if (run_training(config, catalogue, options.resume, watched_run(config)) == attune::Ending::stopped) {
    return say_stopped("train", options);
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
