// How well maps find objects whose boxes are known; N samples, H x W pixels of the model's input.
//
// Values are double [N] and NaN where a sample has no pixel in a box: mean_of_defined (classification.h) leaves it out.
// All throws Error(Fault::run) when shapes differ or a map is not finite.
#pragma once

#include <ATen/core/Tensor.h>

namespace attune {

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
