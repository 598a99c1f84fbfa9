#include "image/mat.h"

#include <ATen/ops/empty.h>
#include <cstdlib>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>

namespace attune {

void prepare_opencv() {
  static std::once_flag once;
  std::call_once(once, [] {
    // FFmpeg writes to standard error by itself unless OpenCV is told otherwise here; -8 is AV_LOG_QUIET.
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::setNumThreads(1);
  });
}

cv::Mat view(const Image& image) {
  return cv::Mat(static_cast<int>(image.size(0)), static_cast<int>(image.size(1)), CV_8UC3, image.data_ptr<uint8_t>());
}

Image to_image(const cv::Mat& rgb) {
  Image image = at::empty({rgb.rows, rgb.cols, 3}, at::kByte);
  rgb.copyTo(view(image));
  return image;
}

Image filled(int64_t height, int64_t width, const cv::Scalar& rgb) {
  Image image = at::empty({height, width, 3}, at::kByte);
  view(image).setTo(rgb);
  return image;
}

}  // namespace attune
