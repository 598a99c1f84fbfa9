// From what was measured to numbers with intervals.
#pragma once

#include "evaluate/bootstrap.h"
#include "spec/evaluation.h"
#include "train/measure.h"

namespace attune {

struct Judging {
  Task task = Task::multi_label;
  Objective loss = Objective::bce;
  std::vector<std::string> classes;  // K names
  int64_t least = 1;                 // means over classes leave out those that fewer samples surely have
  Resampling resampling;             // samples == 0: no intervals
};

// Of the labels: "loss", "mean_average_precision" (the area under the curve), "mean_average_precision_voc" (as PASCAL
// VOC since 2010), "f1_macro", "f1_micro" and "accuracy"; of every class "f1" and "average_precision"; of every map
// "iou" and "pointing_game" over true positives, and "iou_all" and "pointing_game_all" over all positives; of a spec
// "consistency_loss", and of every term "h".
Evaluation judge(const Measurement& measurement, const Judging& judging);

// The second model minus the first, on the same examples, with a paired interval and the p of a permutation test.
// Throws Error(Fault::run) when the examples are not the same.
Evaluation judge_difference(const Measurement& first, const Measurement& second, const Judging& judging);

}  // namespace attune
