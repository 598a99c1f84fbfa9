// Parts of a config from their place in train_settings.h and the parameters that were read.
#pragma once

#include <cstddef>

#include <attune/sdk/parameters.h>

#include "spec/train_config.h"

namespace attune {

AugmentConfig augment_config(size_t index, const Parameters& values);
OptimizerConfig optimizer_config(size_t index, const Parameters& values);
ScheduleConfig schedule_config(size_t index, const Parameters& values);

}  // namespace attune
