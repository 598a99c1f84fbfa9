// What a run opens once, and checks before it begins: data, model and losses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "config/run_documents.h"
#include "config/sidecar.h"
#include "config/train_config.h"
#include "data/batch_loader.h"
#include "data/dataset.h"
#include "model/run/training_model.h"

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
inline constexpr uint64_t projection = 7;
inline constexpr uint64_t unlabelled = 8;  // order and augmentation of pictures without labels

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

// The model's other inputs, on the config's device; see ModelOptions. Throws Error(Fault::input).
NamedTensorList read_extra(const TrainConfig& config);

class TrainSession {
 public:
  // Reads the data, loads the model and gives it its head, and tries a step of every stage and the spec of "evaluate"
  // on one example: a fault of the last stage is told before the first begins. `layer` is what "auto" stands for in
  // specs; "" finds it. Throws Error. The config and the catalogue must outlive this.
  TrainSession(const TrainConfig& config, const Catalogue& catalogue, const std::string& layer);

  const TrainConfig& config;
  const Catalogue& catalogue;
  Splits splits;
  Sidecar sidecar;  // of the models that the run writes
  LoaderOptions evaluation;
  std::unique_ptr<TrainingModel> training_model;
  std::shared_ptr<ImageModel> model;  // of the training_model's parameters

  const Dataset& training_data(size_t stage) const;
  LoaderOptions training_options(size_t stage) const;
  // Of pictures that a stage takes beside those with labels; null when it takes none.
  const Dataset* unlabelled_data(size_t stage) const;
  LoaderOptions unlabelled_options(size_t stage) const;
  const ConsistencyLoss* consistency(size_t stage) const;  // null when the stage has none
  const ConsistencyLoss* judged_consistency() const;       // of the config's "evaluate"; may be null
  // A loss of the model that is only looked at, tried on one example; what it throws begins with `place`.
  ConsistencyLoss watched(const NamedSpec& spec, const std::string& place) const;
  // Examples that the lists name and that are left out.
  std::vector<Problem> problems() const;
  // Hashes of all that was read of the data.
  RunInputs data_inputs() const;

 private:
  void open_data(const Sidecar& given);
  void open_input(const Sidecar& given);
  void open_model(const Sidecar& given, const std::string& layer);
  void open_losses();
  void try_step(size_t stage);
  bool has_specs() const;

  at::Tensor example_;                            // the first of the training part, as a batch
  std::vector<std::optional<Dataset>> own_data_;  // of stages, without labels
  std::vector<std::optional<ConsistencyLoss>> losses_;
  std::optional<ConsistencyLoss> judged_;
};

}  // namespace attune
