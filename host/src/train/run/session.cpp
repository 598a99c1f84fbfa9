#include "train/run/session.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <algorithm>
#include <thread>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "formats/formats.h"
#include "image/npy.h"
#include "model/failure.h"
#include "train/model/trainer.h"
#include "train/run/run_folder.h"
#include "train/run/stage_run.h"

namespace attune {
namespace {

DataSource source_of(const DataConfig& data) {
  return {data.format, data.root, data.classes, data.clips, data.on_broken};
}

// Examples of one class each, as exclusive classes need.
void require_single_labels(const Dataset& dataset) {
  for (const Example& example : dataset.examples) {
    if (example.labels.size() == 1) continue;
    throw Error(Fault::input, example.path.string() + ": has " + std::to_string(example.labels.size()) +
                                  " classes, but the task \"single_label\" needs one");
  }
}

constexpr int64_t evaluation_batch = 8;
constexpr unsigned most_readers = 8;

// A graphics card waits for pictures; a processor that trains has nothing to spare.
int readers(const std::string& device) {
  if (device == "cpu") return 1;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, most_readers));
}

PreprocessText text_of(const Preprocess& preprocess) {
  return {preprocess.size, preprocess.crop, preprocess.mean, preprocess.std};
}

NamedTensors copy_of(NamedTensors state) {
  for (auto& [name, tensor] : state) tensor = tensor.clone();
  return state;
}

// The first example that can be read, as a batch.
Batch first_of(const Dataset& dataset, LoaderOptions options) {
  options.batch = 1;
  BatchLoader loader(dataset, in_order(dataset.size()), std::move(options));
  while (auto batch = loader.next()) {
    if (!batch->examples.empty()) return std::move(*batch);
  }
  throw Error(Fault::input, "none of the training examples can be read");
}

// Its example a second time.
void double_up(Batch& batch) {
  for (at::Tensor* part : {&batch.input, &batch.second_view, &batch.labels, &batch.weights}) {
    if (part->defined()) *part = at::cat({*part, *part});
  }
}

void require_boxes(const ConsistencyLoss& loss, const Dataset& dataset) {
  const auto has_boxes = [](const Example& example) { return !example.boxes.empty(); };
  if (!loss.needs_annotation() || std::any_of(dataset.examples.begin(), dataset.examples.end(), has_boxes)) return;
  throw Error(Fault::spec, "the spec looks at the annotation of the examples, but no example has boxes");
}

}  // namespace

NamedTensorList read_extra(const TrainConfig& config) {
  NamedTensorList extra;
  for (const auto& [name, file] : config.extra) {
    extra.emplace_back(name, NpyFile(file, true).read().to(c10::Device(config.device)));
  }
  return extra;
}

Splits read_splits(const DataConfig& data, uint64_t seed) {
  std::vector<std::string> names{data.train};
  for (const std::string& split : {data.validate, data.test}) {
    if (!split.empty()) names.push_back(split);
  }
  std::vector<Dataset> read = read_datasets(source_of(data), names);
  if (data.task == Task::single_label) {
    for (const Dataset& dataset : read) require_single_labels(dataset);
  }
  Splits splits;
  splits.train = read[0];
  if (!data.validate.empty()) splits.validate = read[1];
  if (!data.test.empty()) splits.test = read.back();
  if (data.hold_out > 0) {
    const HoldOut held = hold_out(splits.train, data.hold_out, derive_seed({seed, draws::hold_out}));
    splits.validate = subset(splits.train, held.held);
    splits.train = subset(splits.train, held.kept);
  }
  if (data.samples_per_class) {
    const auto few =
        few_shot(splits.train, *data.samples_per_class, derive_seed({seed, draws::few_shot}), data.too_few);
    splits.train = subset(splits.train, few);
  }
  return splits;
}

Dataset read_unlabelled(const DataConfig& data) {
  Dataset dataset = read_datasets(source_of(data), {data.train})[0];
  dataset.classes.clear();
  for (Example& example : dataset.examples) {
    example.labels.clear();
    example.unsure.clear();
    example.boxes.clear();
  }
  return dataset;
}

LoaderOptions loader_options(const TrainConfig& config, const Sidecar& sidecar, const std::vector<int64_t>& model_input,
                             int64_t batch) {
  LoaderOptions options;
  options.preprocess = preprocess_of({config.input.preprocess, sidecar.preprocess}, model_input);
  options.clip.frames = config.input.frames.value_or(sidecar.frames.value_or(options.clip.frames));
  options.clip.per_second = config.input.frames_per_second ? config.input.frames_per_second : sidecar.frames_per_second;
  options.batch = batch;
  options.on_problem = config.data.on_broken;
  return options;
}

TrainSession::TrainSession(const TrainConfig& config, const Catalogue& catalogue, const std::string& layer)
    : config(config), catalogue(catalogue) {
  if (config.stages.empty()) throw Error(Fault::spec, config.file.string() + ": \"stages\" is missing");
  const Sidecar given = read_sidecar(config.model);
  open_data(given);
  open_model(given, layer);
  open_losses();
}

void TrainSession::open_data(const Sidecar& given) {
  DataConfig data = config.data;
  if (data.classes.empty() && !config.head) data.classes = given.labels;  // the order of the model's scores
  splits = read_splits(data, config.seed);
  if (!config.head && !given.labels.empty() && given.labels != splits.train.classes) {
    throw Error(Fault::spec, config.model.string() +
                                 " has other classes, or another order of them, than the data; give \"classes\" as "
                                 "its model.json does, or a new \"head\"");
  }
  for (const StageConfig& stage : config.stages) {
    own_data_.push_back(stage.data ? std::optional(read_unlabelled(*stage.data)) : std::nullopt);
  }
  sidecar = given;
  sidecar.labels = splits.train.classes;
  sidecar.multi_label = config.data.task == Task::multi_label;
}

// The rule by which inputs are made goes into the sidecar, so that maps are of what was measured.
void TrainSession::open_input(const Sidecar& given) {
  evaluation = loader_options(config, given, model->likely_input(), evaluation_batch);
  evaluation.threads = readers(config.device);
  sidecar.preprocess = text_of(evaluation.preprocess);
  if (!config.data.clips) return;
  sidecar.frames = evaluation.clip.frames;
  sidecar.frames_per_second = evaluation.clip.per_second;
}

void TrainSession::open_model(const Sidecar& given, const std::string& layer) {
  ModelOptions options;
  options.device = c10::Device(config.device);
  options.output = given.output;
  options.layout = given.layout;
  options.layer = layer.empty() ? given.layer : layer;
  options.extra = read_extra(config);
  ModelSource source = read_model(config.model, options);
  const auto classes = static_cast<int64_t>(splits.train.classes.size());
  if (config.head) {
    if (config.head->classes && *config.head->classes != classes) {
      throw Error(Fault::spec, "\"head\" asks for " + std::to_string(*config.head->classes) +
                                   " classes, but the data has " + std::to_string(classes));
    }
    const uint64_t seed = derive_seed({config.seed, draws::head});
    if (replace_head(source, config.head->layer, classes, seed)) source.own.reset();
  }
  model = image_model(source, options);
  open_input(given);
  example_ = first_of(splits.train, evaluation).input.to(model->device(), model->dtype());
  const at::Tensor scores = model->forward(example_, {}, false)->output();
  require_classes(scores.size(1), classes, source, config.head ? config.head->layer : "");
  if (has_specs() && options.layer == "auto") {
    options.layer = model->auto_layer(example_);
    model = image_model(source, options);
  }
  training_model = std::make_unique<TrainingModel>(source);
}

void TrainSession::open_losses() {
  const Labels labels(splits.train.classes);
  const NamedTensors before = copy_of(training_model->state());
  for (size_t i = 0; i < config.stages.size(); ++i) {
    const StageConfig& stage = config.stages[i];
    at_place("stage '" + stage.name + "'", [&] {
      losses_.emplace_back();
      if (stage.spec) {
        losses_.back().emplace(model, stage.spec->spec, catalogue, labels);
        require_boxes(*losses_.back(), training_data(i));
      }
      try_step(i);
    });
  }
  training_model->set_state(before);
  model->refresh();
  if (config.evaluate.maps) judged_ = watched(*config.evaluate.maps, "\"evaluate\"");
}

// Batch norm needs more than one example where it has one value of each; so it gets two, unless a batch has only one.
void TrainSession::try_step(size_t stage) {
  const StageConfig& about = config.stages[stage];
  const Dataset& data = training_data(stage);
  Batch batch = first_of(data, training_options(stage)), unlabelled;
  if (smallest_batch(about, data.size()) > 1) double_up(batch);
  if (const Dataset* others = unlabelled_data(stage)) {
    unlabelled = first_of(*others, unlabelled_options(stage));
    double_up(unlabelled);
  }
  Trainer(about, *training_model, consistency(stage), *model, 0).step(batch, unlabelled, 0, 0);
}

ConsistencyLoss TrainSession::watched(const NamedSpec& spec, const std::string& place) const {
  std::optional<ConsistencyLoss> loss;
  at_place(place, [&] {
    loss.emplace(model, spec.spec, catalogue, Labels(splits.train.classes));
    require_boxes(*loss, splits.train);
    const at::NoGradGuard no_grad;
    const at::Tensor nothing = at::zeros_like(example_.narrow(1, 0, 1));
    (*loss)(example_, nullptr, nothing);
  });
  return std::move(*loss);
}

std::vector<Problem> TrainSession::problems() const {
  std::vector<Problem> all;
  const auto add = [&](const Dataset& dataset) {
    all.insert(all.end(), dataset.problems.begin(), dataset.problems.end());
  };
  for (const Dataset* part : {&splits.train, &splits.validate, &splits.test}) add(*part);
  for (const auto& own : own_data_) {
    if (own) add(*own);
  }
  return all;
}

RunInputs TrainSession::data_inputs() const {
  RunInputs inputs;
  for (const auto& [name, part] :
       {std::pair("train", &splits.train), std::pair("validate", &splits.validate), std::pair("test", &splits.test)}) {
    if (part->size() > 0) inputs.emplace_back("/data/" + std::string(name), hash_of(*part));
  }
  for (size_t i = 0; i < own_data_.size(); ++i) {
    if (own_data_[i]) inputs.emplace_back("/stages/" + config.stages[i].name, hash_of(*own_data_[i]));
  }
  return inputs;
}

bool TrainSession::has_specs() const {
  const auto has = [](const StageConfig& stage) { return stage.spec.has_value(); };
  return config.evaluate.maps || !config.monitors.empty() ||
         std::any_of(config.stages.begin(), config.stages.end(), has);
}

const Dataset& TrainSession::training_data(size_t stage) const {
  return own_data_[stage] && unlabelled_data(stage) == nullptr ? *own_data_[stage] : splits.train;
}

const Dataset* TrainSession::unlabelled_data(size_t stage) const {
  return config.stages[stage].strategy->takes_unlabelled() ? &*own_data_[stage] : nullptr;
}

LoaderOptions TrainSession::training_options(size_t stage) const {
  const StageConfig& about = config.stages[stage];
  LoaderOptions options = evaluation;
  options.batch = about.batch;
  options.augmentations = about.augment.value_or(config.augment);
  if (about.strategy->leaves_scores()) options.second_view = options.augmentations;
  if (about.data && unlabelled_data(stage) == nullptr) options.on_problem = about.data->on_broken;
  return options;
}

LoaderOptions TrainSession::unlabelled_options(size_t stage) const {
  const StageConfig& about = config.stages[stage];
  LoaderOptions options = training_options(stage);
  options.batch = about.batch * about.ratio;
  options.second_view = about.strong;
  options.on_problem = about.data->on_broken;
  return options;
}

const ConsistencyLoss* TrainSession::consistency(size_t stage) const {
  return losses_[stage] ? &*losses_[stage] : nullptr;
}

const ConsistencyLoss* TrainSession::judged_consistency() const { return judged_ ? &*judged_ : nullptr; }

}  // namespace attune
