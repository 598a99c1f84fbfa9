// A config's data: the three parts, and how their pictures become inputs.
#pragma once

#include "data/batch_loader.h"
#include "data/dataset.h"
#include "spec/train_config.h"

namespace attune {

// Parts that the config does not name have no examples.
struct Parts {
  Dataset train;
  Dataset validate;
  Dataset test;
};

// All parts have the same classes. What is held out and which few samples are drawn is a function of the seed. Throws
// Error(Fault::input) as read_datasets and few_shot do.
Parts read_parts(const DataConfig& data, uint64_t seed);

// The pictures of a stage of its own, without classes.
Dataset read_unlabelled(const DataConfig& data);

// What the config says, else what the model's sidecar says, else ImageNet's mean and deviation at 224 square.
Preprocess preprocess_of(const InputConfig& input, const Sidecar& sidecar);

// For batches of that size of a part that is evaluated: without augmentation.
LoaderOptions loader_options(const TrainConfig& config, const Sidecar& sidecar, int64_t batch);

std::vector<Augmentation> augmentations_of(const std::vector<AugmentConfig>& configs);

}  // namespace attune
