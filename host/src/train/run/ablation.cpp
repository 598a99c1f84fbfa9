#include "train/run/ablation.h"

#include <cmath>
#include <fstream>
#include <limits>

#include <attune/sdk/error.h>

#include "base/csv.h"
#include "image/output_file.h"
#include "json/document.h"
#include "metrics/metric.h"
#include "train/model/predict.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// The losses that are watched, and what they have come to so far.
class Monitors {
 public:
  Monitors(const TrainSession& session, const RunFiles& files, const TrainObserver& observer)
      : session_(session), observer_(observer), file_(files.monitors()) {
    for (const NamedSpec& monitor : session.config.monitors) {
      losses_.push_back(session.watched(monitor, "monitor '" + monitor.name + "'"));
    }
    read();
  }

  // Another command's run has none.
  void require_all_until(const Position& position) const {
    int64_t done = position.epoch;
    for (size_t i = 0; i < static_cast<size_t>(position.stage); ++i) {
      done += length_of(session_.config.stages[i], session_.training_data(i).size()).epochs;
    }
    const auto seen = static_cast<int64_t>(epochs_.size());
    if (seen >= done) return;
    throw Error(Fault::usage, "the run in " + file_.parent_path().string() +
                                  " was not begun by attune ablate: monitors.csv has " + std::to_string(seen) +
                                  " of the " + std::to_string(done) +
                                  " epochs that are done; give this one another \"output\"");
  }

  // What was seen after the same epoch before, in a part of the run that a kill has cost, is the same and replaced.
  void take(const std::string& stage, int64_t epoch, Objective objective) {
    AblationEpoch seen = measured(objective);
    seen.stage = stage;
    seen.epoch = epoch;
    std::erase_if(epochs_, [&](const AblationEpoch& other) { return other.stage == stage && other.epoch == epoch; });
    epochs_.push_back(std::move(seen));
    write();
  }

  const std::vector<AblationEpoch>& epochs() const { return epochs_; }

 private:
  AblationEpoch measured(Objective kind) const {
    std::vector<const ConsistencyLoss*> losses;
    for (const ConsistencyLoss& loss : losses_) losses.push_back(&loss);
    const auto looked = [&](const Batch& batch) {
      observer_.tell(batch.problems);
      observer_.ask();
    };
    const Predictions predictions =
        predict(*session_.model, losses, session_.splits.validate, session_.evaluation, looked);
    const Truth& truth = predictions.truth;
    AblationEpoch epoch;
    epoch.loss = objective(kind, predictions.scores, truth.labels, truth.weights).item<double>();
    epoch.losses = predictions.losses;
    return epoch;
  }

  void read() {
    std::ifstream stream(file_);
    std::string line;
    std::getline(stream, line);
    while (std::getline(stream, line)) {
      const std::vector<std::string> fields = csv_fields(line);
      if (fields.size() != losses_.size() + 3) {
        throw Error(Fault::input, file_.string() + ": has " + std::to_string(fields.size()) +
                                      " values in a line, not " + std::to_string(losses_.size() + 3));
      }
      AblationEpoch epoch{fields[0], static_cast<int64_t>(csv_value(fields[1])), csv_value(fields[2]), {}};
      for (size_t i = 3; i < fields.size(); ++i) epoch.losses.push_back(csv_value(fields[i]));
      epochs_.push_back(std::move(epoch));
    }
  }

  void write() const {
    std::vector<std::string> header{"stage", "epoch", "validation_loss"};
    for (const NamedSpec& monitor : session_.config.monitors) header.push_back(monitor.name);
    std::string text = csv_line(header);
    for (const AblationEpoch& epoch : epochs_) {
      std::vector<std::string> fields{epoch.stage, std::to_string(epoch.epoch), csv_number(epoch.loss)};
      for (const double loss : epoch.losses) fields.push_back(csv_number(loss));
      text += csv_line(fields);
    }
    write_file(file_, text);
  }

  const TrainSession& session_;
  const TrainObserver& observer_;
  const fs::path file_;
  std::vector<ConsistencyLoss> losses_;
  std::vector<AblationEpoch> epochs_;
};

void require_watchable(const TrainConfig& config) {
  const std::string file = config.file.string();
  if (config.monitors.empty()) {
    throw Error(Fault::spec, file + ": \"monitors\" is missing: the specs whose losses are watched");
  }
  if (config.data.validate.empty() && config.data.hold_out == 0) {
    throw Error(Fault::spec,
                file + ": there is no validation part to watch losses on; give \"validate\" or \"hold_out\"");
  }
}

double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  const auto mean = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  };
  const double mean_a = mean(a), mean_b = mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (a.size() < 3 || aa == 0 || bb == 0) return std::numeric_limits<double>::quiet_NaN();
  return ab / std::sqrt(aa * bb);
}

}  // namespace

Ablation run_ablation(const TrainConfig& config, const Catalogue& catalogue, bool resume,
                      const TrainObserver& observer) {
  require_watchable(config);
  RunFolder folder(config, catalogue, resume, observer);
  Checkpoint checkpoint = folder.checkpoint();
  TrainSession session(config, catalogue, checkpoint.layer);
  TrainObserver watching = observer;
  Monitors monitors(session, folder.files(), watching);
  monitors.require_all_until(checkpoint.position);
  watching.epoch = [&](const StageConfig& stage, int64_t epoch) { monitors.take(stage.name, epoch, stage.loss); };
  Ablation ablation;
  for (const NamedSpec& monitor : config.monitors) ablation.monitors.push_back(monitor.name);
  ablation.ending = run_stages(session, folder, std::move(checkpoint), watching);
  ablation.epochs = monitors.epochs();
  return ablation;
}

std::vector<double> correlations(const Ablation& ablation) {
  std::vector<double> validation, all;
  for (const AblationEpoch& epoch : ablation.epochs) validation.push_back(epoch.loss);
  for (size_t i = 0; i < ablation.monitors.size(); ++i) {
    std::vector<double> watched;
    for (const AblationEpoch& epoch : ablation.epochs) watched.push_back(epoch.losses[i]);
    all.push_back(pearson(validation, watched));
  }
  return all;
}

}  // namespace attune
