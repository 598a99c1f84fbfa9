// What a run reads beside its config and its specs, as hashes: to repeat it, and to see what has changed meanwhile.
#pragma once

#include <string>

#include "config/run_documents.h"
#include "config/train_config.h"
#include "data/dataset.h"

namespace attune {

// The model's file and the model.json beside it, as sha1sum prints them; nothing of a file that cannot be read.
RunInputs model_inputs(const TrainConfig& config);

// The names, labels and boxes of a part's examples, in their order: its lists and annotations. Pictures themselves are
// not read.
std::string hash_of(const Dataset& dataset);

// As sha1sum prints it.
std::string sha1_of(const std::string& bytes);

}  // namespace attune
