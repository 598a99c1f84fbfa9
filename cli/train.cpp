// attune train: runs the stages of a config, and goes on where a run has stopped.

#include <fstream>
#include <iostream>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "commands.h"
#include "config/run_documents.h"
#include "evaluation_report.h"
#include "report/json.h"
#include "session.h"
#include "train/run/run.h"
#include "training_run.h"

namespace attune::cli {
namespace {

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
