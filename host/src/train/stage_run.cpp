#include "train/stage_run.h"

#include <algorithm>
#include <cmath>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "model/archive.h"
#include "random/random.h"
#include "train/curves.h"
#include "train/draws.h"

namespace attune {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

double number_of(const NamedNumbers& numbers, const std::string& name) {
  const auto is_it = [&](const auto& number) { return number.first == name; };
  const auto found = std::find_if(numbers.begin(), numbers.end(), is_it);
  return found == numbers.end() ? none : found->second;
}

// What the model of an epoch has reached, larger being better.
double merit(Select select, const NamedNumbers& numbers, int64_t epoch) {
  switch (select) {
    case Select::last:
      return static_cast<double>(epoch);
    case Select::loss:
      return -number_of(numbers, "loss");
    case Select::consistency:
      return -number_of(numbers, "consistency_loss");
    default:
      return number_of(numbers, to_string(select));
  }
}

}  // namespace

StageLength length_of(const StageConfig& stage, int64_t examples) {
  StageLength length;
  length.per_epoch = (examples + stage.batch - 1) / stage.batch;
  length.steps = stage.steps.value_or(stage.epochs.value_or(1) * length.per_epoch);
  length.epochs = (length.steps + length.per_epoch - 1) / length.per_epoch;
  return length;
}

StageRun::StageRun(TrainSession& session, const RunFiles& files, RunLog& log, Position& position,
                   const NamedTensors& stepper, const TrainObserver& observer)
    : session_(session),
      files_(files),
      log_(log),
      position_(position),
      observer_(observer),
      index_(static_cast<size_t>(position.stage)),
      stage_(session.config.stages[index_]),
      length_(length_of(stage_, session.training_data(index_).size())),
      stepper_(stage_, *session.trainee, session.consistency(index_), session.model->options().output) {
  if (position.step > 0) stepper_.set_state(stepper);
}

bool StageRun::run() {
  prepare_output_folder(files_.stage(stage_.name));
  if (position_.step == 0) log_.epoch({stage_.name, 0, 0, validate()});
  while (position_.epoch < length_.epochs) {  // also when it was stopped between an epoch's last step and its end
    if (!run_epoch()) return false;
  }
  const Trainee selected(load_archive(files_.model(stage_.name), session_.model->device()));
  session_.trainee->set_state(selected.state());
  return true;
}

bool StageRun::run_epoch() {
  const Dataset& data = session_.training_data(index_);
  const auto epoch = static_cast<uint64_t>(position_.epoch);
  std::vector<Draw> order = shuffled(data.size(), derive_seed({session_.config.seed, draws::order, index_, epoch}));
  const int64_t first = position_.step - position_.epoch * length_.per_epoch;
  order.erase(order.begin(), order.begin() + std::min(first * stage_.batch, data.size()));  // the last may be short
  BatchLoader loader(data, std::move(order), session_.training_options(index_));
  for (int64_t left = std::min(length_.per_epoch - first, length_.steps - position_.step); left > 0; --left) {
    const auto batch = loader.next();
    if (!batch) throw Error(Fault::run, place() + ": the data has ended too early");
    if (!take(*batch)) return false;
  }
  finish_epoch();
  return true;
}

// One batch, which may be empty when pictures are broken; false when somebody stops the run behind it.
bool StageRun::take(const Batch& batch) {
  note(batch.problems);
  StepReport report;
  if (!batch.examples.empty()) report = step(batch);
  ++position_.step;
  if (!batch.examples.empty()) log_step(report);
  const bool goes_on = !observer_.step || observer_.step({stage_.name, position_.epoch + 1, length_.epochs,
                                                          position_.step, length_.steps, report});
  const std::chrono::duration<double> unsaved = std::chrono::steady_clock::now() - saved_;
  if (!goes_on || unsaved.count() >= session_.config.checkpoint_seconds) save_checkpoint();
  return goes_on;
}

StepReport StageRun::step(const Batch& batch) {
  const auto number = static_cast<uint64_t>(position_.step);
  const uint64_t seed = derive_seed({session_.config.seed, draws::step, index_, number});
  try {
    return stepper_.step(batch, seed, rate_share(stage_.schedule, position_.step, length_.steps, length_.per_epoch));
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
  position_.norm_sum += report.gradient_norm;
  NamedNumbers numbers{{"rate", report.rate}};
  if (!std::isnan(report.loss)) numbers.emplace_back("loss", report.loss);
  if (!std::isnan(report.consistency_loss)) numbers.emplace_back("consistency_loss", report.consistency_loss);
  numbers.emplace_back("gradient_norm", report.gradient_norm);
  log_.step({stage_.name, position_.epoch + 1, position_.step, numbers});
}

void StageRun::finish_epoch() {
  ++position_.epoch;
  if (observer_.epoch) observer_.epoch(stage_, position_.epoch);
  const auto count = static_cast<double>(position_.counted);
  const double share = rate_share(stage_.schedule, position_.step - 1, length_.steps, length_.per_epoch);
  NamedNumbers numbers{{"rate", stage_.optimizer.lr * share},
                       {"loss", position_.loss_sum / count},
                       {"consistency_loss", position_.consistency_sum / count},
                       {"gradient_norm", position_.norm_sum / count}};
  std::erase_if(numbers, [](const auto& number) { return std::isnan(number.second); });
  position_.counted = 0;
  position_.loss_sum = position_.consistency_sum = position_.norm_sum = 0;
  for (auto& number : validate()) numbers.push_back(std::move(number));
  log_.epoch({stage_.name, position_.epoch, 0, numbers});
  draw_curves(files_.folder, log_.epochs());
  save_checkpoint();
}

// Of the validation part, as "validation_..."; none when there is no such part. Keeps the model when it is the best.
NamedNumbers StageRun::validate() {
  NamedNumbers numbers;
  if (session_.parts.validate.size() > 0) {
    const bool by_consistency = session_.config.select == Select::consistency;
    const ConsistencyLoss* own = session_.consistency(index_);
    const ConsistencyLoss* consistency = by_consistency ? session_.judged_consistency() : own;
    try {
      const Answers answers = answers_of(*session_.model, consistency, session_.parts.validate, session_.evaluation);
      note(answers.problems);
      numbers = judged(answers, session_.config.data.task, stage_.loss);
    } catch (const Error& error) {
      if (error.fault() != Fault::run) throw;
      throw Error(Fault::run, "stage '" + stage_.name + "', validation after epoch " + std::to_string(position_.epoch) +
                                  ": " + error.what());
    }
  }
  if (position_.epoch > 0) select(numbers);
  for (auto& number : numbers) number.first.insert(0, "validation_");
  return numbers;
}

void StageRun::select(const NamedNumbers& numbers) {
  const double reached = merit(session_.config.select, numbers, position_.epoch);
  if (!std::isnan(position_.best) && !(reached > position_.best)) return;
  position_.best = reached;
  position_.best_epoch = position_.epoch;
  save_model();
}

void StageRun::save_model() {
  const auto file = files_.model(stage_.name);
  session_.trainee->save(file);
  write_file(std::filesystem::path(file).replace_extension(".json"), sidecar_text(session_.sidecar));
}

void StageRun::save_checkpoint() {
  Checkpoint checkpoint{position_, log_.sync(), session_.model->options().layer, session_.trainee->state(),
                        stepper_.state()};
  write_checkpoint(files_.checkpoint(), checkpoint);
  saved_ = std::chrono::steady_clock::now();
}

void StageRun::note(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    if (noted_.insert(problem.path).second && observer_.note) observer_.note(problem.sentence + " (skipped)");
  }
}

}  // namespace attune
