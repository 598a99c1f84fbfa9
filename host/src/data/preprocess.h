// From a picture to what a model takes.
#pragma once

#include "base/text.h"
#include "image/image.h"

namespace attune {

struct Preprocess {
  std::array<int64_t, 2> size = {224, 224};  // height and width of the model's input
  // False: the picture is squashed to `size`. True: its shorter side is resized to `crop_resize` and the centre is cut
  // out; 0 stands for size * 256 / 224, so 256 for 224.
  bool crop = false;
  int64_t crop_resize = 0;
  // Per channel, after dividing by 255: (x - mean) / std. One number each: the model takes the picture's luminance.
  std::vector<double> mean = {0, 0, 0};
  std::vector<double> std = {1, 1, 1};

  static Preprocess imagenet();  // 224 square, ImageNet's mean and standard deviation
  static Preprocess unit();      // 224 square, only divided by 255
};

// For a model whose input is `model_input`, [C,S1..Sd]: each key as the first of `said` has it that has it, else
// ImageNet's mean and deviation, and 224 square or a clip's size in `model_input`. A model of one channel takes the
// weighted sum of three means or deviations, by the weights of luminance; one number counts for three channels. Throws
// as check().
Preprocess preprocess_of(const std::vector<PreprocessText>& said, const std::vector<int64_t>& model_input);

// Throws Error(Fault::usage) for sizes below 1 (or far too large), a mean or std without one or three finite entries, a
// std of 0, or a crop that is larger than the resized picture.
void check(const Preprocess& preprocess);

// float32 [3,H,W]; or [1,H,W], of the luminance by ITU-R BT.601 in the arithmetic of Pillow's "L".
at::Tensor preprocess(const Image& image, const Preprocess& preprocess);

// The part of a picture of the given size that the model's input shows.
Region covered(int64_t height, int64_t width, const Preprocess& preprocess);

}  // namespace attune
