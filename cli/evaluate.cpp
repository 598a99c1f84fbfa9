// attune evaluate: how good a model is on one part of a config's data, where it looks, and whether it is better than
// another.

#include <filesystem>
#include <iostream>
#include <optional>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "commands.h"
#include "evaluation_report.h"
#include "image/output_file.h"
#include "progress.h"
#include "report/json.h"
#include "session.h"
#include "train/model/predict.h"
#include "train/run/stage_run.h"
#include "training_run.h"

namespace attune::cli {
namespace {

namespace fs = std::filesystem;

struct Subject {
  fs::path file;
  Sidecar sidecar;
};

// What the flags say, else what the config's run has trained, else what it begins with.
Subject subject(const TrainConfig& config, const std::string& given) {
  fs::path file = given.empty() ? config.model : fs::path(given);
  if (given.empty() && !config.stages.empty()) {
    const fs::path trained = RunFiles{config.output}.model(config.stages.back().name);
    std::error_code error;
    if (fs::exists(trained, error)) file = trained;
  }
  return {file, read_sidecar(file)};
}

Objective loss_of(const TrainConfig& config) {
  if (!config.stages.empty()) return config.stages.back().loss;
  return config.data.task == Task::single_label ? Objective::cross_entropy : Objective::bce;
}

class EvaluateRun {
 public:
  explicit EvaluateRun(const EvaluateOptions& options)
      : options_(options),
        catalogue_(load_catalogue(options.plugin_dirs)),
        config_(training_config(options, catalogue_)),
        model_(subject(config_, options.model)) {
    if (!options.against.empty()) against_ = subject(config_, options.against);
    open_data();
  }

  void run() {
    std::vector<Problem> problems = data_.problems;
    const Predictions predictions = predict(model_, problems);
    const EvaluationOptions how = evaluation_options();
    const Evaluation evaluation = attune::evaluate(predictions, how);
    Json document = {{"config", options_.config}, {"model", model_.file.string()}, {"split", split_}};
    document.update(evaluation_json(evaluation));
    document["problems"] = problems_json(problems);
    std::optional<Evaluation> other, difference;
    if (against_) {
      std::vector<Problem> of_other;
      const Predictions against = predict(*against_, of_other);
      other = attune::evaluate(against, how);
      difference = evaluate_difference(against, predictions, how);
      document["against"] = {{"model", against_->file.string()}};
      document["against"].update(evaluation_json(*other));
      document["difference"] = evaluation_json(*difference);
    }
    if (!options_.csv.empty()) write_file(options_.csv, samples_csv(predictions, data_, config_.data.task));
    if (!options_.output.empty()) write_file(options_.output, text_of(document));
    if (options_.json) return print(document);
    std::cout << model_.file.string() << (against_ ? " against " + against_->file.string() : "") << " on " << split_
              << ", " << evaluation.samples << " samples\n\n";
    if (against_) {
      print_comparison(std::cout, evaluation, *other, *difference);
    } else {
      print_evaluation(std::cout, evaluation);
    }
    if (!document["problems"].empty()) std::cout << '\n';
    print_left_out(std::cout, document["problems"]);
  }

 private:
  // Classes in the order of the model's scores.
  void open_data() {
    DataConfig data = config_.data;
    if (data.classes.empty()) data.classes = model_.sidecar.labels;
    Splits splits = read_splits(data, config_.seed);
    const std::vector<std::pair<std::string, Dataset*>> named = {
        {"test", &splits.test}, {"validate", &splits.validate}, {"train", &splits.train}};
    for (const auto& [name, dataset] : named) {
      const bool is_wanted = options_.split.empty() ? dataset->size() > 0 : options_.split == name;
      if (!is_wanted) continue;
      split_ = name;
      data_ = std::move(*dataset);
      break;
    }
    if (data_.size() == 0) {
      throw Error(Fault::spec, options_.config + ": the data has no part \"" + split_ + "\"; choose another --split");
    }
    for (const Problem& problem : data_.problems) note(problem);
    require_classes(model_);
    if (against_) require_classes(*against_);
  }

  // In the order of the scores, where the model says it.
  void require_classes(const Subject& subject) const {
    if (subject.sidecar.labels.empty() || subject.sidecar.labels == data_.classes) return;
    throw Error(Fault::usage, subject.file.string() +
                                  " has other classes, or another order of them, than the data of " + options_.config +
                                  "; its scores cannot be judged with that");
  }

  // Examples that cannot be read are noted, and put to the problems.
  Predictions predict(const Subject& subject, std::vector<Problem>& problems) const {
    ModelOptions options;
    options.device = parse_device(config_.device);
    options.output = subject.sidecar.output;
    options.layer = subject.sidecar.layer;
    options.layout = subject.sidecar.layout;
    options.extra = read_extra(config_);
    const auto model = open_model(subject.file, options);
    print_remarks(*model);
    const Spec* spec = config_.evaluate.maps ? &config_.evaluate.maps->spec : nullptr;
    const Predictor predictor(model, spec, catalogue_, Labels(data_.classes));
    Progress progress("samples", data_.size());
    const auto looked = [&](const Batch& batch) {
      progress.advance(examples_of(batch));
      problems.insert(problems.end(), batch.problems.begin(), batch.problems.end());
    };
    const LoaderOptions loading = loader_options(config_, subject.sidecar, model->likely_input(), options_.batch);
    const size_t known = problems.size();
    Predictions predictions = predictor.predict(data_, loading, looked);
    for (size_t i = known; i < problems.size(); ++i) note(problems[i]);
    return predictions;
  }

  EvaluationOptions evaluation_options() const {
    EvaluationOptions options{config_.data.task, loss_of(config_), data_.classes, options_.least, {}};
    options.resampling = {config_.evaluate.bootstrap, 0.95, derive_seed({config_.seed, draws::bootstrap})};
    return options;
  }

  static Json problems_json(const std::vector<Problem>& problems) {
    Json list = Json::array();
    for (const Problem& problem : problems) {
      list.push_back({{"path", problem.path.string()}, {"message", problem.sentence}});
    }
    return list;
  }

  static void note(const Problem& problem) { std::cerr << "attune: note: " << problem.sentence << " (skipped)\n"; }

  const EvaluateOptions& options_;
  const Catalogue catalogue_;
  TrainConfig config_;
  Subject model_;
  std::optional<Subject> against_;
  std::string split_ = options_.split;
  Dataset data_;
};

}  // namespace

int evaluate(const EvaluateOptions& options) {
  EvaluateRun(options).run();
  return 0;
}

}  // namespace attune::cli
