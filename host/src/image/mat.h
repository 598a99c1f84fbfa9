// OpenCV's side of pictures; for sources of image, data and render only.
#pragma once

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

// A picture that is stored as EXIF's number says where the first row and column lie: 6 is a camera held upright, turned
// right to be shown.
cv::Mat upright(cv::Mat picture, int orientation);

}  // namespace attune
