// Examples as batches of a model's inputs, decoded and augmented ahead of the model.
#pragma once

#include "data/augment.h"
#include "data/dataset.h"
#include "data/preprocess.h"
#include "data/read_ahead.h"
#include "data/video.h"

namespace attune {

// One example to load; the seed decides its augmentation.
struct Draw {
  int64_t example = 0;  // index in the dataset
  uint64_t seed = 0;
};

// All `count` examples once: in their order, or in an order that the seed decides. An example's own seed depends on
// `seed` and its index only.
std::vector<Draw> in_order(int64_t count);
std::vector<Draw> shuffled(int64_t count, uint64_t seed);

struct Batch {
  at::Tensor input;                     // float32 [N,3,H,W], clips [N,3,T,H,W]; undefined without examples
  at::Tensor second_view;               // the same examples, changed anew; undefined unless it is asked for
  at::Tensor labels;                    // float32 [N,K], 1 where the example has the class
  at::Tensor weights;                   // float32 [N,K], 0 where that is unsure, else 1
  std::vector<int64_t> examples;        // N indices in the dataset
  std::vector<std::vector<Box>> boxes;  // N lists, in pixels of the input
  std::vector<Problem> problems;        // of examples that were left out
};

struct LoaderOptions {
  Preprocess preprocess;
  std::vector<Augmentation> augmentations;  // of every example, before preprocessing
  std::optional<std::vector<Augmentation>> second_view;
  ClipTiming clip;  // for a dataset of clips
  int64_t batch = 4;
  int threads = 1;
  OnProblem on_problem = OnProblem::stop;
};

// Pulls batches in a given order while threads of its own load the next examples, within bounds of number and memory.
// Batch k holds the order's entries from k * batch on, so that a run can be taken up at any batch; examples that cannot
// be loaded are missing from it, and when none can, it has problems only. Augmentation keeps labels, also when it cuts
// off all boxes of a class.
class BatchLoader {
 public:
  // The dataset must outlive the loader. Throws Error(Fault::usage) or Error(Fault::spec) for options that make no
  // sense, Error(Fault::run) for an index that the dataset does not have.
  BatchLoader(const Dataset& dataset, std::vector<Draw> order, LoaderOptions options);

  // Nothing at the end. Throws Error(Fault::input) for the first problem with OnProblem::stop.
  std::optional<Batch> next();

 private:
  struct Loaded {
    int64_t example = 0;
    at::Tensor input = {};  // undefined when there is an error
    at::Tensor second_view = {};
    std::vector<Box> boxes = {};
    std::string error = {};
  };

  Loaded load(const Draw& draw) const;
  void fill(Batch& batch, std::vector<Loaded>& good) const;

  const Dataset& dataset_;
  const LoaderOptions options_;
  ReadAhead<Loaded> loaded_;
};

}  // namespace attune
