#include "train/run/splits.h"

#include <attune/sdk/error.h>

#include "base/random.h"
#include "data/dataset.h"

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

}  // namespace

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

}  // namespace attune
