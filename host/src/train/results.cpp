#include "train/results.h"

#include "image/output_file.h"
#include "random/random.h"
#include "spec/json_document.h"
#include "spec/run_documents.h"
#include "train/draws.h"
#include "train/judge.h"

namespace attune {
namespace {

Evaluation judged_part(const TrainSession& session, const Dataset& dataset, const StageConfig& stage,
                       const TrainObserver& observer) {
  const TrainConfig& config = session.config;
  const Spec* spec = config.evaluate.maps ? &config.evaluate.maps->spec : nullptr;
  const std::vector<std::string>& classes = session.sidecar.labels;
  const Measurer measurer(session.model, spec, session.catalogue, Labels(classes));
  observer.ask();
  const Measurement measurement = measurer.measure(dataset, session.evaluation, [&](int64_t) { observer.ask(); });
  observer.tell(measurement.answers.problems);
  const Resampling resampling{config.evaluate.bootstrap, 0.95, derive_seed({config.seed, draws::bootstrap})};
  return judge(measurement, {config.data.task, stage.loss, classes, 1, resampling});
}

}  // namespace

void write_stage_results(const TrainSession& session, const RunFiles& files, const Position& position,
                         const TrainObserver& observer) {
  const StageConfig& stage = session.config.stages[static_cast<size_t>(position.stage)];
  StageResult result{stage.name,
                     to_string(stage.strategy),
                     "stages/" + stage.name + "/model.pt",
                     position.best_epoch,
                     position.epoch,
                     position.step,
                     {}};
  const auto judge_part = [&](const char* split, const Dataset& dataset) {
    if (dataset.size() > 0) result.splits.emplace_back(split, judged_part(session, dataset, stage, observer));
  };
  judge_part("validate", session.parts.validate);
  judge_part("test", session.parts.test);
  write_file(files.stage(stage.name) / "results.json", stage_results(result));
}

void write_results(const TrainConfig& config, const RunFiles& files) {
  std::vector<std::string> stages;
  for (const StageConfig& stage : config.stages) {
    stages.push_back(read_document(files.stage(stage.name) / "results.json", "document"));
  }
  write_file(files.results(), run_results(to_string(config.select), stages));
}

}  // namespace attune
