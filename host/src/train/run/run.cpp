#include "train/run/run.h"

#include <algorithm>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "config/run_documents.h"
#include "image/output_file.h"
#include "json/document.h"
#include "metrics/evaluation.h"
#include "train/model/predict.h"

namespace attune {
namespace {

// Roughly how many forward passes a sample takes where it is only looked at.
double passes_of_look(bool has_spec) { return has_spec ? 4 : 1; }

Forecast forecast_of(const TrainSession& session) {
  const TrainConfig& config = session.config;
  const auto validated = static_cast<double>(session.splits.validate.size());
  const auto judged = validated + static_cast<double>(session.splits.test.size());
  std::vector<StageWork> work;
  for (size_t i = 0; i < config.stages.size(); ++i) {
    const StageConfig& stage = config.stages[i];
    const StageLength length = length_of(stage, session.training_data(i).size());
    const auto batch = static_cast<double>(std::min(stage.batch, session.training_data(i).size()));
    const bool looks_at_spec = stage.spec || selects_consistency(config.select);
    work.push_back({length.steps,
                    length.epochs + 1,
                    {batch * stage.strategy->passes, validated * passes_of_look(looks_at_spec),
                     judged * passes_of_look(config.evaluate.maps.has_value())}});
  }
  return Forecast(std::move(work));
}

// A model is often saved with layers that were frozen once, and nobody remembers.
void tell_frozen(const TrainSession& session, const TrainObserver& observer) {
  const TrainingModel& training_model = *session.training_model;
  const auto& stages = session.config.stages;
  const auto keeps = [](const StageConfig& stage) { return stage.unfreeze.empty(); };
  if (training_model.frozen() == 0 || std::none_of(stages.begin(), stages.end(), keeps)) return;
  observer.note(std::to_string(training_model.frozen()) + " of " + std::to_string(training_model.parameters()) +
                " parameters stay frozen, as " + session.config.model.filename().string() +
                " was saved; \"unfreeze\" in a stage trains them");
}

// The model's file has no place for other shapes.
void tell_files(const TrainSession& session, const TrainObserver& observer) {
  const ModelSource& source = session.training_model->source();
  if (source.format == "torchscript" || source.own) return;
  const std::string extension = session.config.model.extension().string();
  observer.note("what is trained is written as model.pt and model.safetensors, but not as model" + extension +
                (session.config.head ? ", as the new head has another number of classes" : ""));
}

// The stage's selected model, which the session's is, on the validation and the test part, with intervals:
// stages/<name>/results.json. Throws Stopped.
void write_stage_results(const TrainSession& session, const RunFiles& files, const Position& position,
                         const Forecast& forecast, const TrainObserver& observer) {
  const TrainConfig& config = session.config;
  const auto index = static_cast<size_t>(position.stage);
  const StageConfig& stage = config.stages[index];
  const std::vector<std::string>& classes = session.sidecar.labels;
  StageResult result{stage.name,
                     stage.strategy->name,
                     "stages/" + stage.name + "/model.pt",
                     position.best.epoch,
                     position.epoch,
                     position.step,
                     {}};
  const Stopwatch watch;
  for (const auto& [part, dataset] :
       {std::pair("validate", &session.splits.validate), std::pair("test", &session.splits.test)}) {
    if (dataset->size() == 0 || stage.strategy->leaves_scores()) continue;
    TrainProgress progress{stage.name, position.epoch, position.epoch, position.step, position.step};
    progress.part = part;
    progress.to_look = dataset->size();
    observer.ask();
    const auto looked = [&](const Batch& batch) {
      const double left = forecast.left({index, position.step, position.epoch + 1}, Work::end, watch.seconds());
      observer.looked(batch, progress, left);
    };
    const Spec* spec = config.evaluate.maps ? &config.evaluate.maps->spec : nullptr;
    const Predictor predictor(session.model, spec, session.catalogue, Labels(classes));
    const Predictions predictions = predictor.predict(*dataset, session.evaluation, looked);
    const Resampling resampling{config.evaluate.bootstrap, 0.95, derive_seed({config.seed, draws::bootstrap})};
    result.splits.emplace_back(part, evaluate(predictions, {config.data.task, stage.loss, classes, 1, resampling}));
  }
  write_file(files.stage(stage.name) / "results.json", stage_results(result));
}

// Those of all stages in one document, with the examples that the run's checkpoint knows as left out: results.json.
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

}  // namespace

Ending run_stages(TrainSession& session, RunFolder& folder, Checkpoint checkpoint, const TrainObserver& observer,
                  const StageDone& done) {
  const RunFiles& files = folder.files();
  observer.begin();
  observer.remember(checkpoint.problems);
  observer.tell(session.problems());
  tell_frozen(session, observer);
  tell_files(session, observer);
  folder.begin(session.data_inputs());
  if (!checkpoint.model.empty()) session.training_model->set_state(checkpoint.model);
  RunLog log(files.folder, checkpoint.log);
  Position position = checkpoint.position;
  Forecast forecast = forecast_of(session);
  try {
    while (!is_trained(session.config, position)) {
      StageRun(session, files, log, position, checkpoint.optimisers, observer, forecast).run();
      const Stopwatch watch;
      if (done) done(position, forecast);
      forecast.took(static_cast<size_t>(position.stage), Work::end, watch.seconds());
      position = {position.stage + 1};
      write_checkpoint(files.checkpoint(), {position,
                                            log.sync(),
                                            session.model->options().layer,
                                            session.training_model->state(),
                                            {},
                                            observer.left_out()});
    }
  } catch (const Stopped&) {
    return Ending::stopped;
  }
  return Ending::finished;
}

Ending run_training(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer) {
  RunFolder folder(config, catalogue, resume, observer);
  const RunFiles& files = folder.files();
  if (std::filesystem::exists(files.monitors())) {
    throw Error(Fault::usage, "the run in " + files.folder.string() +
                                  " was begun by attune ablate; go on with that, or give another \"output\"");
  }
  Checkpoint checkpoint = folder.checkpoint();
  if (!is_trained(config, checkpoint.position)) {
    TrainSession session(config, catalogue, checkpoint.layer);
    for (const std::string& remark : session.model->remarks()) observer.note(remark);
    const auto evaluated = [&](const Position& position, const Forecast& forecast) {
      write_stage_results(session, files, position, forecast, observer);
    };
    const Ending ending = run_stages(session, folder, std::move(checkpoint), observer, evaluated);
    if (ending == Ending::stopped) return ending;
  }
  write_results(config, files);
  return Ending::finished;
}

}  // namespace attune
