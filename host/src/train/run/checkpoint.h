// Everything that a run needs to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/run/training_model.h"
#include "train/run/log.h"

namespace attune {

struct Position {
  int64_t stage = 0;  // index; the number of stages when all are done
  int64_t epoch = 0;  // of the stage, finished
  int64_t step = 0;   // of the stage, done
  Best best = {};     // of the stage's epochs so far
  // Over the steps of the epoch that is under way.
  int64_t counted = 0;
  double loss_sum = 0;
  double consistency_sum = 0;
  double unlabelled_sum = 0;
  double norm_sum = 0;
};

struct Checkpoint {
  Position position;
  RunLog::Size log;
  std::string layer;              // that "auto" stands for
  NamedTensors model;             // parameters and buffers
  NamedTensors optimisers;        // none when step is 0
  std::vector<Problem> problems;  // of examples that were left out so far
};

// Tensors by name, in a file that Python's torch.load reads too.
//
// The file appears under its name when it is complete and on the disk; what had the name before stays until then.
// Throws Error(Fault::output).
void write_tensors(const std::filesystem::path& file, const NamedTensors& tensors);

// On the CPU. Throws Error(Fault::input).
NamedTensors read_tensors(const std::filesystem::path& file);

// As write_tensors.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

// Throws Error(Fault::input).
Checkpoint read_checkpoint(const std::filesystem::path& file);

}  // namespace attune
