#include "train/run/stage_run.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "formats/formats.h"
#include "image/output_file.h"
#include "metrics/metric.h"

namespace attune {

StageLength length_of(const StageConfig& stage, int64_t examples) {
  StageLength length;
  length.per_epoch = (examples + stage.batch - 1) / stage.batch;
  length.steps = stage.steps.value_or(stage.epochs.value_or(1) * length.per_epoch);
  length.epochs = (length.steps + length.per_epoch - 1) / length.per_epoch;
  return length;
}

bool is_within(const Position& position, const StageLength& length) {
  if (position.epoch > length.epochs || position.best.epoch > position.epoch) return false;
  const int64_t begin = std::min(position.epoch * length.per_epoch, length.steps);
  return position.step >= begin && position.step <= std::min(begin + length.per_epoch, length.steps);
}

int64_t smallest_batch(const StageConfig& stage, int64_t examples) {
  const StageLength length = length_of(stage, examples);
  return length.steps < length.per_epoch ? stage.batch : examples - (length.per_epoch - 1) * stage.batch;
}

StageRun::StageRun(TrainSession& session, const RunFiles& files, RunLog& log, Position& position,
                   const NamedTensors& optimisers, const TrainObserver& observer, Forecast& forecast)
    : session_(session),
      files_(files),
      log_(log),
      position_(position),
      observer_(observer),
      forecast_(forecast),
      index_(static_cast<size_t>(position.stage)),
      stage_(session.config.stages[index_]),
      length_(length_of(stage_, session.training_data(index_).size())),
      trainer_(stage_, *session.training_model, session.consistency(index_), *session.model,
               derive_seed({session.config.seed, draws::projection, index_})) {
  if (!is_within(position, length_)) {
    throw Error(Fault::input, files.checkpoint().string() + ": is of another run: stage '" + stage_.name +
                                  "' never stands at epoch " + std::to_string(position.epoch) + ", step " +
                                  std::to_string(position.step));
  }
  if (position.step > 0) trainer_.set_state(optimisers);
}

void StageRun::run() {
  prepare_output_folder(files_.stage(stage_.name));
  if (is_best()) save_model();  // a kill may have come between the checkpoint and this
  try {
    run_epochs();
  } catch (const Stopped&) {
    save_checkpoint();
    throw;
  }
  const TrainingModel selected(read_model(files_.model(stage_.name), session_.model->options()));
  session_.training_model->set_state(selected.state());
  save_other_files();
}

void StageRun::run_epochs() {
  if (position_.step == 0) {
    look_.restart();
    const NamedNumbers row = log_epoch(0, {}, validate(0));
    forecast_.took(index_, Work::look, look_.seconds());
    observer_.epoch_over({stage_.name, 0, length_.epochs, row, false, forecast_.left({index_, 0, 1})});
  }
  while (position_.epoch < length_.epochs) run_epoch();  // also when it was stopped behind an epoch's last step
}

void StageRun::run_epoch() {
  const Dataset& data = session_.training_data(index_);
  const auto epoch = static_cast<uint64_t>(position_.epoch);
  std::vector<Draw> order = shuffled(data.size(), derive_seed({session_.config.seed, draws::order, index_, epoch}));
  const int64_t first = position_.step - position_.epoch * length_.per_epoch;
  order.erase(order.begin(), order.begin() + std::min(first * stage_.batch, data.size()));  // the last may be short
  BatchLoader loader(data, std::move(order), session_.training_options(index_));
  const int64_t steps = std::min(length_.per_epoch - first, length_.steps - position_.step);
  std::optional<BatchLoader> unlabelled = unlabelled_loader(steps);
  for (int64_t left = steps; left > 0; --left) {
    const Stopwatch watch;
    const auto batch = loader.next();
    if (!batch) throw Error(Fault::run, place() + ": the data has ended too early");
    take(*batch, unlabelled ? unlabelled->next().value() : Batch(), watch);
  }
  finish_epoch();
}

// For the next steps of the stage; its pictures come round in another order every time.
std::optional<BatchLoader> StageRun::unlabelled_loader(int64_t steps) const {
  const Dataset* data = session_.unlabelled_data(index_);
  if (data == nullptr) return {};
  const int64_t size = data->size(), batch = stage_.batch * stage_.ratio;
  std::vector<Draw> order, round;
  for (int64_t at = position_.step * batch; at < (position_.step + steps) * batch; ++at) {
    if (round.empty() || at % size == 0) {
      const auto number = static_cast<uint64_t>(at / size);
      round = shuffled(size, derive_seed({session_.config.seed, draws::unlabelled, index_, number}));
    }
    order.push_back(round[static_cast<size_t>(at % size)]);
  }
  return std::make_optional<BatchLoader>(*data, std::move(order), session_.unlabelled_options(index_));
}

// One batch, which may be empty when pictures are broken.
void StageRun::take(const Batch& batch, const Batch& unlabelled, const Stopwatch& watch) {
  observer_.tell(batch.problems);
  observer_.tell(unlabelled.problems);
  StepReport report;
  if (!batch.examples.empty()) report = step(batch, unlabelled);
  ++position_.step;
  if (!batch.examples.empty()) log_step(report);
  forecast_.took(index_, Work::step, watch.seconds());
  TrainProgress progress = this->progress(position_.epoch + 1);
  progress.report = report;
  progress.left = forecast_.left(reached());
  observer_.step(progress);
  observer_.ask();
  if (saved_.seconds() >= session_.config.checkpoint_seconds) save_checkpoint();
}

TrainProgress StageRun::progress(int64_t epoch) const {
  return {stage_.name, epoch, length_.epochs, position_.step, length_.steps};
}

// The look before the first epoch is done when there has been a step.
Reached StageRun::reached() const { return {index_, position_.step, position_.step > 0 ? position_.epoch + 1 : 0}; }

StepReport StageRun::step(const Batch& batch, const Batch& unlabelled) {
  const auto number = static_cast<uint64_t>(position_.step);
  const uint64_t seed = derive_seed({session_.config.seed, draws::step, index_, number});
  try {
    return trainer_.step(batch, unlabelled, seed,
                         rate_share(stage_.schedule, position_.step, length_.steps, length_.per_epoch));
  } catch (const Error& error) {
    throw Error(error.fault(), place() + ": " + error.what() + "; the last checkpoint is from before");
  }
}

std::string StageRun::place() const {
  return "stage '" + stage_.name + "', epoch " + std::to_string(position_.epoch + 1) + ", step " +
         std::to_string(position_.step + 1);
}

void StageRun::log_step(const StepReport& report) {
  ++position_.counted;
  position_.loss_sum += report.loss;
  position_.consistency_sum += report.consistency_loss;
  position_.unlabelled_sum += report.unlabelled_loss;
  position_.norm_sum += report.gradient_norm;
  NamedNumbers numbers{{"rate", report.rate}};
  if (!std::isnan(report.loss)) numbers.emplace_back("loss", report.loss);
  if (!std::isnan(report.consistency_loss)) numbers.emplace_back("consistency_loss", report.consistency_loss);
  if (!std::isnan(report.unlabelled_loss)) numbers.emplace_back("unlabelled_loss", report.unlabelled_loss);
  numbers.emplace_back("gradient_norm", report.gradient_norm);
  log_.step({stage_.name, position_.epoch + 1, position_.step, numbers});
}

// The position stays before the end of the epoch as long as the run may be stopped.
void StageRun::finish_epoch() {
  const int64_t epoch = position_.epoch + 1;
  look_.restart();
  observer_.epoch(stage_, epoch);
  const NamedNumbers row = log_epoch(epoch, means(), validate(epoch));
  position_.epoch = epoch;
  position_.counted = 0;
  position_.loss_sum = position_.consistency_sum = position_.unlabelled_sum = position_.norm_sum = 0;
  position_.best.offer(session_.config.select, epoch, row);
  draw_curves(files_.folder, log_.epochs(), session_.config.select);
  save_checkpoint();
  if (is_best()) save_model();
  forecast_.took(index_, Work::look, look_.seconds());
  observer_.epoch_over({stage_.name, epoch, length_.epochs, row, is_best(), forecast_.left(reached())});
}

NamedNumbers StageRun::log_epoch(int64_t epoch, NamedNumbers trained, const NamedNumbers& validated) {
  for (const auto& [name, value] : validated) trained.emplace_back(validation_column(name), value);
  log_.epoch({stage_.name, epoch, 0, trained});
  return trained;
}

// Of the steps of the epoch that is under way.
NamedNumbers StageRun::means() const {
  const auto count = static_cast<double>(position_.counted);
  const double share = rate_share(stage_.schedule, position_.step - 1, length_.steps, length_.per_epoch);
  NamedNumbers numbers{{"rate", stage_.optimizer.lr * share},
                       {"loss", position_.loss_sum / count},
                       {"consistency_loss", position_.consistency_sum / count},
                       {"unlabelled_loss", position_.unlabelled_sum / count},
                       {"gradient_norm", position_.norm_sum / count}};
  std::erase_if(numbers, [](const auto& number) { return std::isnan(number.second); });
  return numbers;
}

// None when there is no validation part, and of a model whose scores are not trained.
NamedNumbers StageRun::validate(int64_t epoch) {
  if (session_.splits.validate.size() == 0 || stage_.strategy->leaves_scores()) return {};
  const ConsistencyLoss* loss =
      selects_consistency(session_.config.select) ? session_.judged_consistency() : session_.consistency(index_);
  std::vector<const ConsistencyLoss*> losses;
  if (loss != nullptr) losses.push_back(loss);
  TrainProgress progress = this->progress(epoch);
  progress.part = "validate";
  progress.to_look = session_.splits.validate.size();
  const auto looked = [&](const Batch& batch) {
    observer_.looked(batch, progress, forecast_.left(reached(), Work::look, look_.seconds()));
  };
  try {
    const Predictions predictions =
        predict(*session_.model, losses, session_.splits.validate, session_.evaluation, looked);
    return validation_numbers(predictions, session_.config.data.task, stage_.loss);
  } catch (const Error& error) {
    if (error.fault() != Fault::run) throw;
    throw Error(Fault::run,
                "stage '" + stage_.name + "', validation after epoch " + std::to_string(epoch) + ": " + error.what());
  }
}

// Whether the model, as it is, is that of the stage's best epoch so far.
bool StageRun::is_best() const {
  const int64_t end = std::min(position_.epoch * length_.per_epoch, length_.steps);  // of the last epoch, in steps
  return position_.epoch > 0 && position_.epoch == position_.best.epoch && position_.step == end;
}

void StageRun::save_model() {
  const auto file = files_.model(stage_.name);
  OutputFile model(file);
  std::ofstream archive(model.temporary(), std::ios::binary);
  session_.training_model->save(archive);
  model.commit();
  write_file(std::filesystem::path(file).replace_extension(".json"), sidecar_text(session_.sidecar));
}

// The selected model, which the session's is, for eager PyTorch and for whoever reads the kind of file that it came in.
void StageRun::save_other_files() const {
  for (const OwnFile& other : other_files(session_.training_model->source())) {
    OutputFile file(files_.model(stage_.name).replace_extension(other.extension));
    other.write(file.temporary(), session_.training_model->state());
    file.commit();
  }
}

void StageRun::save_checkpoint() {
  const std::string& layer = session_.model->options().layer;
  write_checkpoint(files_.checkpoint(), {position_, log_.sync(), layer, session_.training_model->state(),
                                         trainer_.state(), observer_.left_out()});
  saved_.restart();
}

}  // namespace attune
