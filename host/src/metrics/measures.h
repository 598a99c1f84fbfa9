// How well scores name the classes of N samples, one column per class, so that samples may have several or one; and
// how well maps find objects whose boxes are known.
//
// Numbers are double and NaN where they are not defined: for a class that no sample has, F1 and average precision say
// nothing of the model. Such classes are left out of the mean over classes, where scikit-learn counts them as 0.
#pragma once

#include <ATen/core/Tensor.h>

namespace attune {

struct Truth {
  at::Tensor labels;   // [N,K], not zero where the sample has the class
  at::Tensor weights;  // [N,K], zero where that is unsure and counts neither way; undefined: all is sure
};

// Those samples, in that order and as often as they are named: rows is int64 [M].
Truth select(const Truth& truth, const at::Tensor& rows);

// [K] int64, samples that surely have the class.
at::Tensor positives(const Truth& truth);

// Decisions, boolean [N,K]. Scores of several classes are decided one by one, logits at 0 as probabilities at 0.5; of
// exclusive classes the highest score is taken.
at::Tensor decide_above(const at::Tensor& scores, double threshold);
at::Tensor decide_highest(const at::Tensor& scores);

// All that follows throws Error(Fault::run) when shapes differ or a score is not finite.

// [K], 2 TP / (2 TP + FP + FN) of every class.
at::Tensor f1(const at::Tensor& decisions, const Truth& truth);

// The same of all decisions together; here classes that no sample has count too, with their false positives.
double micro_f1(const at::Tensor& decisions, const Truth& truth);

// The share of samples with every sure class decided right: for exclusive classes the usual accuracy, for several
// classes the subset accuracy. Samples without a sure class do not count; NaN when there are no others.
double accuracy(const at::Tensor& decisions, const Truth& truth);

// How precision is read off at a recall. Equal scores are one step of the curve, so that the order of samples does not
// matter.
enum class PrecisionCurve {
  steps,    // as it is: scikit-learn's average_precision_score
  voc2012,  // the highest precision at this recall or above, over all recalls: PASCAL VOC from 2010 on
  voc2007,  // the same at the eleven recalls 0, 0.1 .. 1: PASCAL VOC until 2009
};

// [K], the area under the curve of precision over recall.
at::Tensor average_precision(const at::Tensor& scores, const Truth& truth,
                             PrecisionCurve curve = PrecisionCurve::steps);

// The mean of those values that are defined, and named by `chosen` (boolean, of their shape) when there is one: macro
// F1, mean average precision, mean IoU. NaN when there are none.
double mean_of_defined(const at::Tensor& values, const at::Tensor& chosen = {});

// Maps of N samples, H x W pixels of the model's input. Values are double [N] and NaN where a sample has no pixel in a
// box: mean_of_defined leaves it out. All throws Error(Fault::run) when shapes differ or a map is not finite.

// boolean [H,W]: pixels whose centre lies in one of the boxes. `boxes` is [B,4], a box x, y, width and height in
// pixels, pixel i covering [i,i+1]; B may be 0.
at::Tensor union_of_boxes(const at::Tensor& boxes, int64_t height, int64_t width);

// Maps [N,1,h,w] brought to the input's size, bilinear: [N,height,width].
at::Tensor at_size(const at::Tensor& maps, int64_t height, int64_t width);

// Maps [N,H,W], each rescaled to [0,1] by its own lowest and highest value; a constant map is 0 all over.
at::Tensor rescaled(const at::Tensor& maps);

// Intersection over union of the rescaled map above the threshold with `truth`, boolean [N,H,W].
at::Tensor iou(const at::Tensor& maps, const at::Tensor& truth, double threshold = 0.5);

// The pointing game (Zhang et al. 2018): 1 where the map's highest pixel lies in `truth`, or at most `tolerance` pixels
// from it, else 0. Of several highest pixels the first counts; a constant map points nowhere and misses.
at::Tensor pointing_game(const at::Tensor& maps, const at::Tensor& truth, double tolerance = 0);

}  // namespace attune
