// The row `train.step` of attune bench.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/batch_loader.h"
#include "session.h"
#include "train/log.h"
#include "train/step.h"

namespace attune::cli {

// Fine-tunes a copy of the model with a spec, as `attune train` does: pictures are read, augmented and preprocessed
// ahead, the optimiser changes the parameters, every step is logged. Its files lie in a temporary folder.
class TrainingBench {
 public:
  // For inputs [N,3,H,W] of pictures and at most that many steps. The session must outlive this.
  TrainingBench(const Session& session, const std::string& model, const Spec& spec,
                const std::vector<int64_t>& input_shape, int64_t steps);
  ~TrainingBench();

  void step();

 private:
  void paint_pictures();
  LoaderOptions loader_options(const std::vector<int64_t>& input_shape) const;

  std::filesystem::path folder_;
  Dataset dataset_;
  Trainee trainee_;
  ConsistencyLoss loss_;
  StageConfig stage_;
  Stepper stepper_;
  std::optional<BatchLoader> loader_;
  std::optional<RunLog> log_;
  int64_t done_ = 0;
};

}  // namespace attune::cli
