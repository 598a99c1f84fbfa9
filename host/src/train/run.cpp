#include "train/run.h"

#include <algorithm>

#include <attune/sdk/error.h>

#include "train/results.h"

namespace attune {
namespace {

// Roughly how many forward passes a sample takes, in a step and where it is only looked at.
double passes_of_step(Strategy strategy) {
  switch (strategy) {
    case Strategy::supervised:
      return 3;
    case Strategy::finetune:
      return 9;
    default:
      return 12;
  }
}

double passes_of_look(bool has_spec) { return has_spec ? 4 : 1; }

Forecast forecast_of(const TrainSession& session) {
  const TrainConfig& config = session.config;
  const auto validated = static_cast<double>(session.parts.validate.size());
  const auto judged = validated + static_cast<double>(session.parts.test.size());
  std::vector<StageWork> work;
  for (size_t i = 0; i < config.stages.size(); ++i) {
    const StageConfig& stage = config.stages[i];
    const StageLength length = length_of(stage, session.training_data(i).size());
    const auto batch = static_cast<double>(std::min(stage.batch, session.training_data(i).size()));
    const bool looks_at_spec = stage.spec || selects_consistency(config.select);
    work.push_back({length.steps,
                    length.epochs + 1,
                    {batch * passes_of_step(stage.strategy), validated * passes_of_look(looks_at_spec),
                     judged * passes_of_look(config.evaluate.maps.has_value())}});
  }
  return Forecast(std::move(work));
}

// A model is often saved with layers that were frozen once, and nobody remembers.
void tell_frozen(const TrainSession& session, const TrainObserver& observer) {
  const Trainee& trainee = *session.trainee;
  const auto& stages = session.config.stages;
  const auto keeps = [](const StageConfig& stage) { return stage.unfreeze.empty(); };
  if (trainee.frozen() == 0 || std::none_of(stages.begin(), stages.end(), keeps)) return;
  observer.note(std::to_string(trainee.frozen()) + " of " + std::to_string(trainee.parameters()) +
                " parameters stay frozen, as " + session.config.model.filename().string() +
                " was saved; \"unfreeze\" in a stage trains them");
}

}  // namespace

Ending run_stages(TrainSession& session, RunFolder& folder, Checkpoint checkpoint, const TrainObserver& observer,
                  const StageDone& done) {
  const RunFiles& files = folder.files();
  observer.begin();
  observer.remember(checkpoint.problems);
  observer.tell(session.problems());
  tell_frozen(session, observer);
  folder.begin(session.data_inputs());
  if (!checkpoint.model.empty()) session.trainee->set_state(checkpoint.model);
  RunLog log(files.folder, checkpoint.log);
  Position position = checkpoint.position;
  Forecast forecast = forecast_of(session);
  try {
    while (!is_trained(session.config, position)) {
      StageRun(session, files, log, position, checkpoint.stepper, observer, forecast).run();
      const Stopwatch watch;
      if (done) done(position, forecast);
      forecast.took(static_cast<size_t>(position.stage), Piece::end, watch.seconds());
      position = {position.stage + 1};
      write_checkpoint(
          files.checkpoint(),
          {position, log.sync(), session.model->options().layer, session.trainee->state(), {}, observer.left_out()});
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
