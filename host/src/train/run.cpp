#include "train/run.h"

#include "train/results.h"

namespace attune {

bool run_stages(TrainSession& session, const RunFiles& files, Checkpoint checkpoint, const TrainObserver& observer,
                const StageDone& done) {
  begin_run(session.config, files);
  if (!checkpoint.model.empty()) session.trainee->set_state(checkpoint.model);
  RunLog log(files.folder, checkpoint.log);
  Position position = checkpoint.position;
  while (!is_trained(session.config, position)) {
    StageRun run(session, files, log, position, checkpoint.stepper, observer);
    if (!run.run()) return false;
    if (done) done(position);
    position = {position.stage + 1};
    write_checkpoint(files.checkpoint(),
                     {position, log.sync(), session.model->options().layer, session.trainee->state(), {}});
  }
  return true;
}

Ending run_training(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer) {
  const RunFiles files{config.output};
  Checkpoint checkpoint = open_run(config, catalogue, files, resume);
  if (!is_trained(config, checkpoint.position)) {
    TrainSession session(config, catalogue, checkpoint.layer);
    const auto judge = [&](const Position& position) { write_stage_results(session, files, position, observer); };
    if (!run_stages(session, files, std::move(checkpoint), observer, judge)) return Ending::stopped;
  }
  write_results(config, files);
  return Ending::finished;
}

}  // namespace attune
