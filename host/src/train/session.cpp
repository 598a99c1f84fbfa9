#include "train/session.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <thread>

#include <attune/sdk/error.h>

#include "model/archive.h"
#include "random/random.h"
#include "train/draws.h"
#include "train/head.h"

namespace attune {
namespace {

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

}  // namespace

TrainSession::TrainSession(const TrainConfig& config, const Catalogue& catalogue, const std::string& layer)
    : config(config), catalogue(catalogue) {
  if (config.stages.empty()) throw Error(Fault::spec, config.file.string() + ": \"stages\" is missing");
  const Sidecar given = read_sidecar(config.model);
  open_data(given);
  open_model(given, layer);
  open_losses(example());
}

void TrainSession::open_data(const Sidecar& given) {
  DataConfig data = config.data;
  if (data.classes.empty() && !config.head) data.classes = given.labels;  // the order of the model's scores
  parts = read_parts(data, config.seed);
  for (const StageConfig& stage : config.stages) {
    unlabelled_.push_back(stage.data ? std::optional(read_unlabelled(*stage.data)) : std::nullopt);
  }
  evaluation = loader_options(config, given, evaluation_batch);
  evaluation.threads = readers(config.device);
  sidecar = given;
  sidecar.labels = parts.train.classes;
  sidecar.multi_label = config.data.task == Task::multi_label;
  sidecar.preprocess = text_of(evaluation.preprocess);
  if (config.data.clips) sidecar.frames = evaluation.clip.frames;
}

void TrainSession::open_model(const Sidecar& given, const std::string& layer) {
  ModelOptions options;
  options.device = c10::Device(config.device);
  options.output = given.output;
  options.layout = given.layout;
  options.layer = layer.empty() ? given.layer : layer;
  torch::jit::Module module = load_archive(config.model, options.device);
  const auto classes = static_cast<int64_t>(parts.train.classes.size());
  if (config.head) {
    if (config.head->classes && *config.head->classes != classes) {
      throw Error(Fault::spec, "\"head\" asks for " + std::to_string(*config.head->classes) +
                                   " classes, but the data has " + std::to_string(classes));
    }
    replace_head(module, config.head->layer, classes, derive_seed({config.seed, draws::head}));
  }
  model = std::make_shared<TorchScriptModel>(module, options);
  const at::Tensor first = example();
  const at::Tensor scores = model->forward(first, {}, false)->output();
  require_classes(scores.size(1), classes, module, config.head ? config.head->layer : "");
  if (has_specs() && options.layer == "auto") {
    options.layer = model->auto_layer(first);
    model = std::make_shared<TorchScriptModel>(module, options);
  }
  trainee = std::make_unique<Trainee>(module);
  for (const StageConfig& stage : config.stages) {
    try {
      trainee->freeze(stage.freeze);
    } catch (const Error& error) {
      throw Error(error.fault(), "stage '" + stage.name + "': " + error.what());
    }
  }
}

void TrainSession::open_losses(const at::Tensor& example) {
  const Labels labels(parts.train.classes);
  const auto made = [&](const std::optional<NamedSpec>& spec) -> std::optional<ConsistencyLoss> {
    if (!spec) return std::nullopt;
    return ConsistencyLoss(model, spec->spec, catalogue, labels);
  };
  for (const StageConfig& stage : config.stages) {
    losses_.push_back(made(stage.spec));
    const at::AutoGradMode with_gradients(true);
    if (losses_.back()) (*losses_.back())(example);
  }
  judged_ = made(config.evaluate.maps);
}

// The first that can be read.
at::Tensor TrainSession::example() const {
  LoaderOptions options = evaluation;
  options.batch = 1;
  BatchLoader loader(parts.train, in_order(parts.train.size()), options);
  while (const auto batch = loader.next()) {
    if (!batch->examples.empty()) return batch->input.to(model->device(), model->dtype());
  }
  throw Error(Fault::input, "none of the training examples can be read");
}

bool TrainSession::has_specs() const {
  const auto has = [](const StageConfig& stage) { return stage.spec.has_value(); };
  return config.evaluate.maps || !config.monitors.empty() ||
         std::any_of(config.stages.begin(), config.stages.end(), has);
}

const Dataset& TrainSession::training_data(size_t stage) const {
  return unlabelled_[stage] ? *unlabelled_[stage] : parts.train;
}

LoaderOptions TrainSession::training_options(size_t stage) const {
  const StageConfig& about = config.stages[stage];
  LoaderOptions options = evaluation;
  options.batch = about.batch;
  options.augmentations = augmentations_of(about.augment.value_or(config.augment));
  if (about.data) options.on_problem = about.data->on_broken == OnBroken::skip ? OnProblem::skip : OnProblem::stop;
  return options;
}

const ConsistencyLoss* TrainSession::consistency(size_t stage) const {
  return losses_[stage] ? &*losses_[stage] : nullptr;
}

const ConsistencyLoss* TrainSession::judged_consistency() const { return judged_ ? &*judged_ : nullptr; }

}  // namespace attune
