#include "train/run.h"

#include <attune/sdk/error.h>

#include "train/results.h"

namespace attune {

Ending run_stages(TrainSession& session, RunFolder& folder, Checkpoint checkpoint, const TrainObserver& observer,
                  const StageDone& done) {
  const RunFiles& files = folder.files();
  observer.begin();
  observer.tell(session.problems());
  folder.begin();
  if (!checkpoint.model.empty()) session.trainee->set_state(checkpoint.model);
  RunLog log(files.folder, checkpoint.log);
  Position position = checkpoint.position;
  try {
    while (!is_trained(session.config, position)) {
      StageRun(session, files, log, position, checkpoint.stepper, observer).run();
      if (done) done(position);
      position = {position.stage + 1};
      write_checkpoint(files.checkpoint(),
                       {position, log.sync(), session.model->options().layer, session.trainee->state(), {}});
    }
  } catch (const Stopped&) {
    return Ending::stopped;
  }
  return Ending::finished;
}

Ending run_training(const TrainConfig& config, const Catalogue& catalogue, bool resume, const TrainObserver& observer) {
  RunFolder folder(config, catalogue, resume);
  const RunFiles& files = folder.files();
  if (std::filesystem::exists(files.monitors())) {
    throw Error(Fault::usage, "the run in " + files.folder.string() +
                                  " was begun by attune ablate; go on with that, or give another \"output\"");
  }
  Checkpoint checkpoint = folder.checkpoint();
  if (!is_trained(config, checkpoint.position)) {
    TrainSession session(config, catalogue, checkpoint.layer);
    for (const std::string& remark : session.model->remarks()) observer.note(remark);
    const auto judge = [&](const Position& position) { write_stage_results(session, files, position, observer); };
    const Ending ending = run_stages(session, folder, std::move(checkpoint), observer, judge);
    if (ending == Ending::stopped) return ending;
  }
  write_results(config, files);
  return Ending::finished;
}

}  // namespace attune
