// A TrainConfig as JSON that says everything.

#include <nlohmann/json.hpp>

#include "spec/json_document.h"
#include "spec/quoting.h"
#include "spec/train_config.h"
#include "spec/train_settings.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto replace = nlohmann::detail::error_handler_t::replace;  // bytes that are no UTF-8

template <class Enumeration>
const std::string& name_of(Enumeration value, const std::vector<std::string>& names) {
  return names[static_cast<size_t>(value)];
}

Json data_json(const DataConfig& data, bool own) {
  Json json = {{"format", to_string(data.format)}, {"root", data.root.string()}};
  if (!data.train.empty()) json["train"] = data.train;
  if (data.clips) json["clips"] = true;
  json["on_broken"] = name_of(data.on_broken, on_broken_names());
  if (own) return json;
  if (!data.validate.empty()) json["validate"] = data.validate;
  if (!data.test.empty()) json["test"] = data.test;
  if (data.hold_out > 0) json["hold_out"] = data.hold_out;
  if (data.samples_per_class) {
    json["samples_per_class"] = *data.samples_per_class;
    json["too_few"] = name_of(data.too_few, too_few_names());
  }
  json["task"] = to_string(data.task);
  if (!data.classes.empty()) json["classes"] = data.classes;
  return json;
}

Json input_json(const InputConfig& input) {
  Json json = Json::object();
  const PreprocessText& text = input.preprocess;
  if (text.size) json["size"] = *text.size;
  if (text.crop) json["crop"] = *text.crop;
  if (text.mean) json["mean"] = *text.mean;
  if (text.std) json["std"] = *text.std;
  if (input.frames) json["frames"] = *input.frames;
  if (input.frames_per_second) json["frames_per_second"] = *input.frames_per_second;
  return json;
}

Json augmentation_json(const AugmentConfig& config) {
  Json json = {{"use", augmentations()[static_cast<size_t>(config.kind)].name}};
  switch (config.kind) {
    case AugmentConfig::Kind::rotate:
      json["degrees"] = config.degrees;
      break;
    case AugmentConfig::Kind::flip:
      json["horizontal"] = config.horizontal;
      json["vertical"] = config.vertical;
      break;
    case AugmentConfig::Kind::crop:
      json["share"] = config.share;
      break;
    case AugmentConfig::Kind::jitter:
      json["brightness"] = config.brightness;
      json["contrast"] = config.contrast;
      json["saturation"] = config.saturation;
      json["hue"] = config.hue;
  }
  return json;
}

Json augment_json(const std::vector<AugmentConfig>& configs) {
  Json json = Json::array();
  for (const AugmentConfig& config : configs) json.push_back(augmentation_json(config));
  return json;
}

Json optimizer_json(const OptimizerConfig& config) {
  Json json = {{"use", optimizers()[static_cast<size_t>(config.kind)].name},
               {"lr", config.lr},
               {"weight_decay", config.weight_decay}};
  if (config.kind == OptimizerConfig::Kind::sgd) {
    json["momentum"] = config.momentum;
    json["nesterov"] = config.nesterov;
  } else {
    json["beta1"] = config.beta1;
    json["beta2"] = config.beta2;
    json["epsilon"] = config.epsilon;
  }
  return json;
}

Json schedule_json(const ScheduleConfig& config) {
  Json json = {{"use", schedules()[static_cast<size_t>(config.kind)].name}, {"warm_up", config.warm_up}};
  if (config.kind == ScheduleConfig::Kind::cosine) json["floor"] = config.floor;
  if (config.kind == ScheduleConfig::Kind::step) {
    json["factor"] = config.factor;
    json["every"] = config.every;
  }
  return json;
}

Json stage_json(const StageConfig& stage) {
  Json json = {{"name", stage.name}, {"strategy", stage.strategy->name}};
  if (stage.strategy->reads("loss")) json["loss"] = to_string(stage.loss);
  if (stage.spec) json["spec"] = stage.spec->file.string();
  if (stage.strategy->reads("alpha")) json["alpha"] = stage.alpha;
  if (stage.epochs) json["epochs"] = *stage.epochs;
  if (stage.steps) json["steps"] = *stage.steps;
  json["batch"] = stage.batch;
  json["optimizer"] = optimizer_json(stage.optimizer);
  if (stage.consistency_optimizer) json["consistency_optimizer"] = optimizer_json(*stage.consistency_optimizer);
  json["schedule"] = schedule_json(stage.schedule);
  json["clip"] = stage.clip;
  if (!stage.freeze.empty()) json["freeze"] = stage.freeze;
  if (!stage.unfreeze.empty()) json["unfreeze"] = stage.unfreeze;
  json["freeze_statistics"] = stage.freeze_statistics;
  if (stage.data) json["data"] = data_json(*stage.data, true);
  if (stage.augment) json["augment"] = augment_json(*stage.augment);
  return json;
}

// The value at a pointer, as it may stand in a sentence.
std::string said(const Json& json, const Json::json_pointer& pointer) {
  return json.contains(pointer) ? shortened(json[pointer].dump(-1, ' ', true, replace)) : "not given";
}

// What is of no matter to a run's results, or is told apart.
constexpr const char* harmless[] = {"device", "threads", "checkpoint_seconds"};

Json spec_json(const NamedSpec& spec) {
  Json json = Json::parse(read_document(spec.file, "spec"), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return json;
  json.erase(std::string("description"));
  json.erase(std::string("$schema"));
  return json;
}

}  // namespace

std::string resolved_config(const TrainConfig& config) {
  Json json = {{"version", 1}};
  if (!config.description.empty()) json["description"] = config.description;
  json["model"] = config.model.string();
  if (config.head) {
    json["head"] = {{"layer", config.head->layer},
                    {"classes", config.head->classes ? Json(*config.head->classes) : Json("from_data")}};
  }
  json["data"] = data_json(config.data, false);
  json["input"] = input_json(config.input);
  json["augment"] = augment_json(config.augment);
  for (const StageConfig& stage : config.stages) json["stages"].push_back(stage_json(stage));
  json["select"] = config.select;
  json["evaluate"] = {{"bootstrap", config.evaluate.bootstrap}};
  if (config.evaluate.maps) json["evaluate"]["maps"] = config.evaluate.maps->file.string();
  for (const NamedSpec& monitor : config.monitors) {
    json["monitors"].push_back({{"name", monitor.name}, {"spec", monitor.file.string()}});
  }
  json["seed"] = config.seed;
  json["threads"] = config.threads;
  json["device"] = config.device;
  json["checkpoint_seconds"] = config.checkpoint_seconds;
  json["output"] = config.output.string();
  return json.dump(2, ' ', false, replace) + "\n";
}

std::string essential_config(const TrainConfig& config) {
  Json json = Json::parse(resolved_config(config));
  for (const char* key : {"description", "output"}) json.erase(std::string(key));
  for (const char* key : harmless) json.erase(std::string(key));
  for (size_t i = 0; i < config.stages.size(); ++i) {
    if (config.stages[i].spec) json["stages"][i]["spec"] = spec_json(*config.stages[i].spec);
  }
  for (size_t i = 0; i < config.monitors.size(); ++i) json["monitors"][i]["spec"] = spec_json(config.monitors[i]);
  if (config.evaluate.maps) json["evaluate"]["maps"] = spec_json(*config.evaluate.maps);
  return json.dump(2, ' ', false, replace) + "\n";
}

std::vector<std::string> differences(const std::string& before, const std::string& now) {
  const auto parsed = [](const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); };
  const Json old = parsed(before), current = parsed(now);
  std::vector<std::string> lines;
  for (const Json& difference : Json::diff(old, current)) {
    const auto path = difference["path"].get<std::string>();
    const Json::json_pointer pointer(path);
    lines.push_back(path + " was " + said(old, pointer) + " and is " + said(current, pointer) + " now");
  }
  return lines;
}

std::vector<std::string> harmless_differences(const TrainConfig& before, const TrainConfig& now) {
  const auto of = [](const TrainConfig& config) {
    const Json all = Json::parse(resolved_config(config));
    Json some;
    for (const char* key : harmless) some[key] = all[key];
    return some.dump();
  };
  return differences(of(before), of(now));
}

}  // namespace attune
