// OpenCV's side of pictures; for sources of image, data and render only.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <opencv2/core.hpp>

#include "image/image.h"

namespace attune {

// Before any other call of OpenCV: silences its messages, which would mix with ours, and its thread pool, which would
// compete with LibTorch's.
void prepare_opencv();

// The picture's own memory, in RGB order; `image` must outlive it.
cv::Mat view(const Image& image);

// A copy of a CV_8UC3 picture that already is RGB.
Image to_image(const cv::Mat& rgb);

// A picture of one colour.
Image filled(int64_t height, int64_t width, const cv::Scalar& rgb);

// The picture with samples of 8 bits. Integers are taken to have 8, 12, 16 or 32 bits: the fewest that hold the
// greatest of them, as files store 8 and 12 bits in 16 without saying so. Floating-point samples go from 0 to 1 or,
// when one is greater, from 0 to 255; in `light` (a format of high dynamic range) what is brighter than 1 is white.
// Throws Error(Fault::input) for negative samples, for those outside of these ranges, NaN and infinity.
cv::Mat to_eight_bits(const std::filesystem::path& path, const cv::Mat& picture, bool light);

}  // namespace attune
