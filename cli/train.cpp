// attune train: runs the stages of a config, and goes on where a run has stopped.

#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "train/run.h"
#include "training_run.h"

namespace attune::cli {
namespace {

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
        std::cout << "    " << std::left << std::setw(28) << name << shown(metric) << '\n';
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
  const TrainConfig config = training_config(options, catalogue);
  if (run_training(config, catalogue, options.resume, watched_run()) == attune::Ending::stopped) {
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
