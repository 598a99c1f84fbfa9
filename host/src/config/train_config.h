// What `attune train`, `attune evaluate` and `attune ablate` are told: data, model, stages, evaluation. Defaults are
// those of the members; train_keys.cpp has the key of each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <attune/spec.h>

#include "base/data_choices.h"
#include "base/text.h"
#include "metrics/metric.h"
#include "strategy/strategy.h"

namespace attune {

// A spec that a config names: a file, or one that ships.
struct NamedSpec {
  std::string name;  // of the file, without its extension; or what a monitor calls it
  std::filesystem::path file;
  Spec spec;
};

struct DataConfig {
  DataFormat format = DataFormat::voc;
  std::filesystem::path root;
  bool clips = false;  // files are videos
  // voc: a list in ImageSets/Main; csv: a list in root; otherwise a folder in root, "" for root itself. "" for
  // `validate` and `test`: there is none.
  std::string train;
  std::string validate;
  std::string test;
  double hold_out = 0;                       // share of `train` that becomes the validation part, when there is none
  std::optional<int64_t> samples_per_class;  // of `train`; otherwise all
  TooFew too_few = TooFew::stop;             // what a class with fewer does
  Task task = Task::multi_label;
  std::vector<std::string> classes;  // names in their order; empty: those that the data names
  OnProblem on_broken = OnProblem::stop;
};

struct HeadConfig {
  std::string layer;               // a linear layer or a 1x1 convolution
  std::optional<int64_t> classes;  // otherwise as many as the data has
};

// What is not said is taken from the model's sidecar, then from ImageNet's customs.
struct InputConfig {
  PreprocessText preprocess;
  std::optional<int64_t> frames;            // of a clip
  std::optional<double> frames_per_second;  // otherwise the sidecar's, or evenly over the video
};

struct OptimizerConfig {
  enum class Kind { adam, adamw, sgd };
  Kind kind = Kind::adam;
  double lr = 1e-3;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // adam, adamw
  double momentum = 0;                                // sgd
  bool nesterov = false;                              // sgd
};

struct ScheduleConfig {
  enum class Kind { constant, cosine, step };
  Kind kind = Kind::constant;
  double warm_up = 0;   // share of the stage's steps, over which the rate rises from 0
  double floor = 0;     // cosine: what the rate ends at, as a share of `lr`
  double factor = 0.1;  // step: the rate is multiplied by it...
  int64_t every = 10;   // ...every so many epochs
};

// What stands in the place of the model's last layer while its features are trained: two layers, of which only what
// comes before them is kept.
struct ProjectionConfig {
  std::string layer;              // that it stands in for; "": the config's head
  std::optional<int64_t> hidden;  // values between both layers; otherwise as many as the last layer takes
  int64_t size = 128;             // values that are compared
};

struct StageConfig {
  std::string name;  // "1_supervised" unless given; names files
  const Strategy* strategy = &strategies::supervised;
  Objective loss = Objective::bce;  // of finetune: what its model is judged by, as the stage before
  std::optional<NamedSpec> spec;    // of all but supervised
  double alpha = 1;                 // weight of the loss beside that of labels in combined, alternated and fixmatch
  std::optional<int64_t> epochs;    // one of the two is given
  std::optional<int64_t> steps;
  int64_t batch = 4;
  OptimizerConfig optimizer;
  std::optional<OptimizerConfig> consistency_optimizer;  // of alternated; otherwise `optimizer` serves both losses
  ScheduleConfig schedule;
  double clip = 0;                    // largest norm of the gradient; 0: any
  std::vector<std::string> freeze;    // patterns of parameter names: "features.0.*"
  std::vector<std::string> unfreeze;  // likewise, of parameters that the model's file has frozen
  bool freeze_statistics = false;     // batch norm keeps its running statistics, and uses them
  std::optional<DataConfig> data;     // of finetune, simclr and fixmatch: pictures whose labels, if any, nobody reads
  double temperature = 0.5;           // of simclr
  ProjectionConfig projection;        // of simclr
  double threshold = 0.95;            // of fixmatch: the probability from which the model's own labels count
  int64_t ratio = 7;                  // of fixmatch: pictures without labels for each with labels
  std::vector<Augmentation> strong;   // of fixmatch: of the view that is learned
  std::optional<std::vector<Augmentation>> augment;  // instead of the config's
};

struct EvaluateConfig {
  std::optional<NamedSpec> maps;  // whose maps are compared with boxes, and whose mean consistency is told
  int64_t bootstrap = 1000;       // resamples behind the intervals; 0: no intervals
};

struct TrainConfig {
  std::filesystem::path file;  // of the config, "" for a text
  std::string description;
  std::filesystem::path model;
  std::map<std::string, std::filesystem::path> extra;  // other inputs of the model, by name: .npy of one row
  std::optional<HeadConfig> head;
  DataConfig data;
  InputConfig input;
  std::vector<Augmentation> augment;              // in their order
  std::vector<StageConfig> stages;                // only `attune evaluate` does without
  std::string select = "mean_average_precision";  // one of select_names(), of the validation part
  EvaluateConfig evaluate;
  std::vector<NamedSpec> monitors;  // of `attune ablate`: losses that are watched on the validation part
  uint64_t seed = 0;
  int threads = 0;  // 0: all cores
  std::string device = "cpu";
  double checkpoint_seconds = 60;  // at most so much work is lost to a kill
  std::filesystem::path output;
};

// What a config is checked against.
struct TrainContext {
  const Catalogue& catalogue;
  // The file of a spec that ships, by its name. Throws Error(Fault::spec) for an unknown one.
  std::function<std::filesystem::path(const std::string& name)> shipped_spec;
};

// Throws SpecError with everything that is wrong with the text, and Error(Fault::spec) when the file cannot be read.
// Paths in it are relative to its folder.
TrainConfig read_train_config(const std::filesystem::path& file, const TrainContext& context);
// The same for a text; `name` is what errors call it, `folder` what paths are relative to.
TrainConfig parse_train_config(const std::string& text, const std::string& name, const std::filesystem::path& folder,
                               const TrainContext& context);

// The JSON Schema (draft 2020-12) of configs, for editors.
std::string train_schema();

// The config as JSON that is read the same from anywhere: paths absolute, defaults told.
std::string resolved_config(const TrainConfig& config);

// What a run's results depend on, as JSON: the config without what may differ, and with the texts of its specs.
std::string essential_config(const TrainConfig& config);

// What two JSON texts do not say alike, a line each: "/seed was 0 and is 1 now". Throws nothing: what is no JSON says
// nothing.
std::vector<std::string> differences(const std::string& before, const std::string& now);
// The same of what may differ between two configs of one run, but is told.
std::vector<std::string> harmless_differences(const TrainConfig& before, const TrainConfig& now);

}  // namespace attune
