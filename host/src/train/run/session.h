// What a run opens once, and checks before it begins.
#pragma once

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
#include "model/run/training_model.h"
#include "train/run/splits.h"

namespace attune {

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

  at::Tensor example_;                              // the first of the training part, as a batch
  std::vector<std::optional<Dataset>> unlabelled_;  // of stages
  std::vector<std::optional<ConsistencyLoss>> losses_;
  std::optional<ConsistencyLoss> judged_;
};

}  // namespace attune
