#include "train/results.h"

#include "image/output_file.h"
#include "metrics/evaluation.h"
#include "random/random.h"
#include "spec/json_document.h"
#include "spec/run_documents.h"
#include "train/draws.h"
#include "train/predict.h"

namespace attune {
namespace {

// Evaluates a stage's model on one part of the data after the other.
class StageEvaluation {
 public:
  StageEvaluation(const TrainSession& session, const Position& position, const Forecast& forecast,
                  const TrainObserver& observer)
      : session_(session),
        stage_(session.config.stages[static_cast<size_t>(position.stage)]),
        observer_(observer),
        forecast_(forecast),
        reached_{static_cast<size_t>(position.stage), position.step, position.epoch + 1} {
    progress_.stage = stage_.name;
    progress_.epoch = progress_.epochs = position.epoch;
    progress_.step = progress_.steps = position.step;
  }

  Evaluation of_part(const char* part, const Dataset& dataset) {
    const TrainConfig& config = session_.config;
    const Spec* spec = config.evaluate.maps ? &config.evaluate.maps->spec : nullptr;
    const std::vector<std::string>& classes = session_.sidecar.labels;
    const Predictor predictor(session_.model, spec, session_.catalogue, Labels(classes));
    progress_.part = part;
    progress_.to_look = dataset.size();
    progress_.looked = 0;
    observer_.ask();
    const Predictions predictions =
        predictor.predict(dataset, session_.evaluation, [&](const Batch& batch) { looked(batch); });
    const Resampling resampling{config.evaluate.bootstrap, 0.95, derive_seed({config.seed, draws::bootstrap})};
    return evaluate(predictions, {config.data.task, stage_.loss, classes, 1, resampling});
  }

 private:
  void looked(const Batch& batch) {
    observer_.tell(batch.problems);
    progress_.looked += examples_of(batch);
    progress_.left = forecast_.left(reached_, Piece::end, watch_.seconds());
    observer_.look(progress_);
    observer_.ask();
  }

  const TrainSession& session_;
  const StageConfig& stage_;
  const TrainObserver& observer_;
  const Forecast& forecast_;
  const Reached reached_;
  TrainProgress progress_;
  const Stopwatch watch_;
};

}  // namespace

void write_stage_results(const TrainSession& session, const RunFiles& files, const Position& position,
                         const Forecast& forecast, const TrainObserver& observer) {
  const StageConfig& stage = session.config.stages[static_cast<size_t>(position.stage)];
  StageResult result{stage.name,
                     to_string(stage.strategy),
                     "stages/" + stage.name + "/model.pt",
                     position.best.epoch,
                     position.epoch,
                     position.step,
                     {}};
  StageEvaluation evaluation(session, position, forecast, observer);
  for (const auto& [part, dataset] :
       {std::pair("validate", &session.parts.validate), std::pair("test", &session.parts.test)}) {
    if (dataset->size() > 0) result.splits.emplace_back(part, evaluation.of_part(part, *dataset));
  }
  write_file(files.stage(stage.name) / "results.json", stage_results(result));
}

void write_results(const TrainConfig& config, const RunFiles& files) {
  std::vector<std::string> stages;
  for (const StageConfig& stage : config.stages) {
    stages.push_back(read_document(files.stage(stage.name) / "results.json", "document"));
  }
  std::vector<std::pair<std::string, std::string>> problems;
  for (const Problem& problem : read_checkpoint(files.checkpoint()).problems) {
    problems.emplace_back(problem.path.string(), problem.sentence);
  }
  write_file(files.results(), run_results(config.select, stages, problems));
}

}  // namespace attune
