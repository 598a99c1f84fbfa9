// A config's data: the three parts, and how their pictures become inputs.
#pragma once

#include <cstdint>

#include "config/sidecar.h"
#include "config/train_config.h"
#include "data/batch_loader.h"
#include "data/dataset.h"

namespace attune {

// What is drawn at random in a run. Every draw is a function of derive_seed({the run's seed, one of these, stage, epoch
// or step}), so that nothing is carried along and a run can be taken up anywhere.
namespace draws {

inline constexpr uint64_t hold_out = 1;
inline constexpr uint64_t few_shot = 2;
inline constexpr uint64_t head = 3;
inline constexpr uint64_t order = 4;  // of examples in an epoch, and their augmentation
inline constexpr uint64_t step = 5;   // dropout
inline constexpr uint64_t bootstrap = 6;

}  // namespace draws

// Splits that the config does not name have no examples.
struct Splits {
  Dataset train;
  Dataset validate;
  Dataset test;
};

// All parts have the same classes. What is held out and which few samples are drawn is a function of the seed. Throws
// Error(Fault::input) as read_datasets and few_shot do.
Splits read_splits(const DataConfig& data, uint64_t seed);

// The pictures of a stage of its own, without classes.
Dataset read_unlabelled(const DataConfig& data);

// For batches of that size of a part that is evaluated: without augmentation. What the config says of inputs counts,
// then what the model's sidecar says, then what a model with such an input, [C,S1..Sd], commonly takes.
LoaderOptions loader_options(const TrainConfig& config, const Sidecar& sidecar, const std::vector<int64_t>& model_input,
                             int64_t batch);

}  // namespace attune
