// A config's data: the three parts, and how their pictures become inputs.
#pragma once

#include "data/batch_loader.h"
#include "data/dataset.h"
#include "spec/train_config.h"

namespace attune {

// Splits that the config does not name have no examples.
struct Splits {
  Dataset train;
  Dataset validate;
  Dataset test;
};

// All parts have the same classes. What is held out and which few samples are drawn is a function of the seed. Throws
// Error(Fault::input) as read_datasets and few_shot do.
Splits read_parts(const DataConfig& data, uint64_t seed);

// The pictures of a stage of its own, without classes.
Dataset read_unlabelled(const DataConfig& data);

// For batches of that size of a part that is evaluated: without augmentation. What the config says of inputs counts,
// then what the model's sidecar says, then what a model with such an input, [C,S1..Sd], commonly takes.
LoaderOptions loader_options(const TrainConfig& config, const Sidecar& sidecar, const std::vector<int64_t>& model_input,
                             int64_t batch);

std::vector<Augmentation> augmentations_of(const std::vector<AugmentConfig>& configs);

}  // namespace attune
