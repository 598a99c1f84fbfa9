#include "train/ablation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include <attune/sdk/error.h>

#include "image/output_file.h"
#include "spec/json_document.h"
#include "train/objective.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// The shortest text that reads back as the same number.
void add(std::string& line, double value) {
  char text[32];
  line += ',';
  line.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// The losses that are watched, and what they have come to so far.
class Monitors {
 public:
  Monitors(TrainSession& session, const Catalogue& catalogue, const RunFiles& files)
      : session_(session), file_(files.folder / "monitors.csv") {
    const Labels labels(session.parts.validate.classes);
    for (const NamedSpec& monitor : session.config.monitors) {
      losses_.emplace_back(session.model, monitor.spec, catalogue, labels);
    }
    read();
  }

  // What was seen after the same epoch before, in a part of the run that a kill has cost, is the same and replaced.
  void take(const std::string& stage, int64_t epoch, Objective objective) {
    const auto is_it = [&](const AblationEpoch& other) { return other.stage == stage && other.epoch == epoch; };
    std::erase_if(epochs_, is_it);
    epochs_.push_back(measured(objective));
    epochs_.back().stage = stage;
    epochs_.back().epoch = epoch;
    write();
  }

  const std::vector<AblationEpoch>& epochs() const { return epochs_; }

 private:
  AblationEpoch measured(Objective kind) {
    const at::NoGradGuard no_grad;
    session_.model->refresh();  // batch norm's statistics change without a trace
    const Dataset& dataset = session_.parts.validate;
    std::vector<at::Tensor> scores, labels, weights;
    std::vector<double> sums(losses_.size());
    int64_t samples = 0;
    for (ConsistencyLoss& loss : losses_) loss.seed(0);  // the same draws after every epoch
    BatchLoader loader(dataset, in_order(dataset.size()), session_.evaluation);
    while (const auto batch = loader.next()) {
      if (batch->examples.empty()) continue;
      const at::Tensor input = batch->input.to(session_.model->device(), session_.model->dtype());
      const auto rows = static_cast<int64_t>(batch->examples.size());
      for (size_t i = 0; i < losses_.size(); ++i) {
        const LossResult result = losses_[i](input);
        const bool is_mean = losses_[i].spec().reduction == Reduction::mean;
        sums[i] += result.loss.item<double>() * (is_mean ? static_cast<double>(rows) : 1);
        if (i == 0) scores.push_back(result.scores.cpu().to(at::kDouble));
      }
      labels.push_back(batch->labels);
      weights.push_back(batch->weights);
      samples += rows;
    }
    if (samples == 0) throw Error(Fault::input, "none of the validation examples can be read");
    AblationEpoch epoch;
    epoch.loss = objective(kind, at::cat(scores), at::cat(labels), at::cat(weights)).item<double>();
    for (const double sum : sums) epoch.losses.push_back(sum / static_cast<double>(samples));
    return epoch;
  }

  // Stages have names without commas, so that only the header could need quotes; nobody reads it here.
  void read() {
    std::ifstream stream(file_);
    std::string line, field;
    std::getline(stream, line);
    while (std::getline(stream, line)) {
      std::istringstream fields(line);
      AblationEpoch epoch;
      std::getline(fields, epoch.stage, ',');
      std::vector<double> numbers;
      while (std::getline(fields, field, ',')) numbers.push_back(std::strtod(field.c_str(), nullptr));
      if (numbers.size() != losses_.size() + 2) {
        throw Error(Fault::input, file_.string() + ": has " + std::to_string(numbers.size() + 1) +
                                      " values in a line, not " + std::to_string(losses_.size() + 3));
      }
      epoch.epoch = static_cast<int64_t>(numbers[0]);
      epoch.loss = numbers[1];
      epoch.losses.assign(numbers.begin() + 2, numbers.end());
      epochs_.push_back(std::move(epoch));
    }
  }

  void write() const {
    std::string text = "stage,epoch,validation_loss";
    for (const NamedSpec& monitor : session_.config.monitors) text += ",\"" + monitor.name + "\"";
    text += "\n";
    for (const AblationEpoch& epoch : epochs_) {
      text += epoch.stage + ',' + std::to_string(epoch.epoch);
      add(text, epoch.loss);
      for (const double loss : epoch.losses) add(text, loss);
      text += '\n';
    }
    write_file(file_, text);
  }

  TrainSession& session_;
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
  const RunFiles files{config.output};
  Checkpoint checkpoint = open_run(config, catalogue, files, resume);
  TrainSession session(config, catalogue, checkpoint.layer);
  Monitors monitors(session, catalogue, files);
  TrainObserver watching = observer;
  watching.epoch = [&](const StageConfig& stage, int64_t epoch) { monitors.take(stage.name, epoch, stage.loss); };
  Ablation ablation;
  for (const NamedSpec& monitor : config.monitors) ablation.monitors.push_back(monitor.name);
  if (!run_stages(session, files, std::move(checkpoint), watching)) ablation.ending = Ending::stopped;
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
