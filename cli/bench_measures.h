// What attune bench counts and runs besides maps: memory, and the step of a training.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/batch_loader.h"
#include "session.h"
#include "train/model/trainer.h"
#include "train/run/log.h"

namespace attune::cli {

// While it lives, allocations of CPU tensors are counted. One at a time; a program's threads may allocate freely.
class MemoryCounter {
 public:
  MemoryCounter();
  ~MemoryCounter();
  MemoryCounter(const MemoryCounter&) = delete;
  MemoryCounter& operator=(const MemoryCounter&) = delete;

  int64_t peak() const;   // the most bytes that were alive at once, of those allocated since
  int64_t alive() const;  // bytes allocated since that are alive now
};

// A folder of its own, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Fine-tunes a copy of the model with a spec, as `attune train` does: pictures are read, augmented and preprocessed
// ahead, the optimiser changes the parameters, every step is logged. Its files lie in a temporary folder.
class TrainingBench {
 public:
  // For inputs [N,3,H,W] of pictures and at most that many steps. The session must outlive this.
  TrainingBench(const Session& session, const std::string& model, const Spec& spec,
                const std::vector<int64_t>& input_shape, int64_t steps);

  void step();

 private:
  void paint_pictures();
  LoaderOptions loader_options(const std::vector<int64_t>& input_shape) const;

  TemporaryFolder folder_;  // outlives what is open in it
  Dataset dataset_;
  TrainingModel trained_;
  ConsistencyLoss loss_;
  StageConfig stage_;
  Trainer trainer_;
  std::optional<BatchLoader> loader_;
  std::optional<RunLog> log_;
  int64_t done_ = 0;
};

}  // namespace attune::cli
