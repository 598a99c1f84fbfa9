#include "spec/train_parts.h"

namespace attune {

AugmentConfig augment_config(size_t index, const Parameters& values) {
  AugmentConfig config;
  config.kind = static_cast<AugmentConfig::Kind>(index);
  const auto take = [&](const char* name, double& value) {
    if (values.values().count(name) != 0) value = values.real(name);
  };
  take("degrees", config.degrees);
  take("horizontal", config.horizontal);
  take("vertical", config.vertical);
  take("share", config.share);
  take("brightness", config.brightness);
  take("contrast", config.contrast);
  take("saturation", config.saturation);
  take("hue", config.hue);
  return config;
}

OptimizerConfig optimizer_config(size_t index, const Parameters& values) {
  OptimizerConfig config;
  config.kind = static_cast<OptimizerConfig::Kind>(index);
  config.lr = values.real("lr");
  config.weight_decay = values.real("weight_decay");
  if (config.kind == OptimizerConfig::Kind::sgd) {
    config.momentum = values.real("momentum");
    config.nesterov = values.boolean("nesterov");
  } else {
    config.beta1 = values.real("beta1");
    config.beta2 = values.real("beta2");
    config.epsilon = values.real("epsilon");
  }
  return config;
}

ScheduleConfig schedule_config(size_t index, const Parameters& values) {
  ScheduleConfig config;
  config.kind = static_cast<ScheduleConfig::Kind>(index);
  config.warm_up = values.real("warm_up");
  if (config.kind == ScheduleConfig::Kind::cosine) config.floor = values.real("floor");
  if (config.kind == ScheduleConfig::Kind::step) {
    config.factor = values.real("factor");
    config.every = values.integer("every");
  }
  return config;
}

}  // namespace attune
