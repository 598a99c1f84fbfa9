#include "spec/train_settings.h"

#include <limits>

#include "metrics/metric.h"
#include "strategy/strategy.h"

namespace attune {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = 1e6;  // of what is multiplied with floats, far from where they end

ParameterDeclaration rate(double value) { return real("lr", value, {0, largest}, "Learning rate"); }

ParameterDeclaration decay(double value) {
  return real("weight_decay", value, {0, largest}, "Weight decay; of adam and sgd added to the gradient");
}

std::vector<ParameterDeclaration> adam(double weight_decay) {
  return {rate(1e-3), decay(weight_decay), real("beta1", 0.9, {0, 0.999999}, "Memory of the gradient's mean"),
          real("beta2", 0.999, {0, 0.999999}, "Memory of the gradient's square"),
          real("epsilon", 1e-8, {1e-30, 1}, "Added to the root of the square")};
}

ParameterDeclaration warm_up() {
  return real("warm_up", 0, {0, 1}, "Share of the stage's steps over which the rate rises from 0");
}

ParameterDeclaration change(const std::string& name) {
  return real(name, 0, {0, 1}, "Largest change of the " + name + ", as a share, either way");
}

std::string strategies_help() {
  std::string help;
  for (const Strategy* strategy : strategies::all()) {
    help += (help.empty() ? "" : "; ") + std::string(strategy->name) + ": " + strategy->help;
  }
  return help;
}

}  // namespace

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names = {"voc", "class_folders", "csv", "images"};
  return names;
}

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = {"multi_label", "single_label"};
  return names;
}

const std::vector<std::string>& on_broken_names() {
  static const std::vector<std::string> names = {"skip", "stop"};
  return names;
}

const std::vector<std::string>& too_few_names() {
  static const std::vector<std::string> names = {"stop", "take_all"};
  return names;
}

const std::vector<std::string>& objective_names() {
  static const std::vector<std::string> names = {"bce", "cross_entropy"};
  return names;
}

std::vector<std::string> names_of(const PartDeclarations& parts) {
  std::vector<std::string> names;
  for (const PartDeclaration& part : parts) names.push_back(part.name);
  return names;
}

const Settings& run_settings() {
  static const Settings settings = {
      {string("description", "", "What the run is for")},
      {string("model", "", "TorchScript file to begin with"), true},
      {choice("select", "mean_average_precision", select_names(),
              "What is best on the validation part in the model that a stage hands on; last: after its last epoch")},
      {integer("seed", 0, {0, infinity}, "Of everything that is drawn")},
      {integer("threads", 0, {0, 1024}, "Threads of one operation; 0: all cores")},
      {string("device", "cpu", "cpu, cuda or cuda:INDEX")},
      {real("checkpoint_seconds", 60, {0, infinity}, "At most so much work is lost when the run is killed")},
      {string("output", "", "Folder of the run"), true}};
  return settings;
}

const Settings& data_settings() {
  static const Settings settings = {
      {choice("format", "voc", format_names(),
              "voc: PASCAL VOC; class_folders: a folder of pictures or videos per class; csv: a list of paths and "
              "labels; images: a folder of pictures without labels"),
       true},
      {string("root", "", "Folder of the data"), true},
      {boolean("clips", false, "Files are videos")},
      {string("train", "",
              "The part that is trained on: a list (of voc in ImageSets/Main), or a folder; without ending")},
      {string("validate", "", "The part that settings and models are chosen on")},
      {string("test", "", "The part that is read once, in the end")},
      {real("hold_out", 0, {0, 0.9}, "Share of `train` that becomes the validation part")},
      {integer("samples_per_class", 1, {1, infinity}, "So many of each class are drawn from `train`; default: all")},
      {choice("too_few", "stop", too_few_names(),
              "A class with fewer than `samples_per_class` stops the run, or gives all that it has")},
      {choice("task", "multi_label", task_names(),
              "multi_label: any number of classes in a picture; single_label: one; default: by the format")},
      {choice("on_broken", "stop", on_broken_names(), "Files that cannot be read are skipped, or stop the run")}};
  return settings;
}

const Settings& input_settings() {
  static const Settings settings = {
      {list("size", {224, 224}, {1, 16384}, "Height and width of the model's input"), false, 2, ParameterType::integer},
      {boolean("crop", false, "Resize the shorter side and cut out the centre instead of squashing")},
      {list("mean", {0.485, 0.456, 0.406}, {-largest, largest},
            "Subtracted from each channel of [0,1]; one number: of luminance"),
       false, 3, ParameterType::real, true},
      {list("std", {0.229, 0.224, 0.225}, {1e-6, largest}, "Each channel is divided by it"), false, 3,
       ParameterType::real, true},
      {integer("frames", 16, {1, 10000}, "Length of a clip")},
      {real("frames_per_second", 4, {0.001, 1000},
            "Of a clip, around the middle of the video; default: model.json's, else evenly over the whole video")}};
  return settings;
}

const Settings& stage_settings() {
  static const Settings settings = {
      {string("name", "", "Names the stage's files; default: its number and strategy")},
      {choice("strategy", strategies::supervised.name, strategies::names(), strategies_help()), true},
      {choice("loss", "bce", objective_names(), "Of labels; default: by the task")},
      {string("spec", "", "Spec of the consistency loss: a file, or the name of one that ships")},
      {real("alpha", 1, {0, largest}, "Weight of the consistency loss beside the labels' loss")},
      {integer("epochs", 1, {1, 1000000}, "Times that the training part is gone through")},
      {integer("steps", 1, {1, 1000000000}, "Steps, instead of epochs")},
      {integer("batch", 4, {1, 65536}, "Samples of a step")},
      {real("clip", 0, {0, largest}, "Largest norm of the gradient; 0: any")},
      {boolean("freeze_statistics", false, "Batch norm keeps its running statistics, and uses them")}};
  return settings;
}

const Settings& evaluate_settings() {
  static const Settings settings = {
      {string("maps", "", "Spec whose maps are compared with boxes: a file, or the name of one that ships")},
      {integer("bootstrap", 1000, {0, 1000000}, "Resamples behind an interval; 0: no intervals")}};
  return settings;
}

const std::vector<StageKey>& stage_keys() {
  static const std::vector<StageKey> keys = [] {
    std::vector<StageKey> all = {{"loss", {}, "reads no labels"},
                                 {"spec", {}, "has no consistency loss"},
                                 {"alpha", {}, "has one loss only"},
                                 {"consistency_optimizer", {}, "has one optimizer"},
                                 {"data", {}, "needs labels, and trains on the config's data"}};
    for (StageKey& known : all) {
      for (const Strategy* strategy : strategies::all()) {
        if (strategy->reads(known.key)) known.strategies.emplace_back(strategy->name);
      }
    }
    return all;
  }();
  return keys;
}

const std::vector<std::string>& label_keys() {
  static const std::vector<std::string> keys = {"validate", "test",    "hold_out", "samples_per_class",
                                                "too_few",  "classes", "task"};
  return keys;
}

const PartDeclarations& augmentations() {
  static const PartDeclarations parts = {
      {"rotate", "Turned about the centre", {real("degrees", 10, {0, 180}, "Largest angle, either way")}},
      {"flip",
       "Mirrored",
       {real("horizontal", 0.5, {0, 1}, "Probability of left becoming right"),
        real("vertical", 0, {0, 1}, "Probability of up becoming down")}},
      {"crop",
       "A part of it, anywhere",
       {real("share", 0.9, {0.05, 1}, "Of the height and of the width, that is kept")}},
      {"jitter",
       "Colours changed",
       {change("brightness"), change("contrast"), change("saturation"),
        real("hue", 0, {0, 0.5}, "Largest turn of the hue, as a share of the circle, either way")}}};
  return parts;
}

const PartDeclarations& optimizers() {
  static const PartDeclarations parts = {
      {"adam", "Adam", adam(0)},
      {"adamw", "Adam with decoupled weight decay", adam(1e-2)},
      {"sgd",
       "Gradient descent",
       {rate(1e-2), decay(0), real("momentum", 0, {0, 0.999999}, "Memory of the direction"),
        boolean("nesterov", false, "Look ahead along the direction")}}};
  return parts;
}

const PartDeclarations& schedules() {
  static const PartDeclarations parts = {
      {"constant", "The same rate throughout", {warm_up()}},
      {"cosine",
       "Half a cosine, down to the floor",
       {warm_up(), real("floor", 0, {0, 1}, "Rate in the end, as a share of the first")}},
      {"step",
       "Smaller every few epochs",
       {warm_up(), real("factor", 0.1, {0, 1}, "The rate is multiplied by it"),
        integer("every", 10, {1, 1000000}, "Epochs between")}}};
  return parts;
}

}  // namespace attune
