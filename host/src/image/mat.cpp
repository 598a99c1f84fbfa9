#include "image/mat.h"

#include <ATen/ops/empty.h>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <sstream>

#include "image/input_file.h"

namespace attune {
namespace {

// Filters that made a picture may overshoot by so much of its range.
constexpr double kOvershoot = 1e-3;

struct Span {
  double least = 0, greatest = 0;
};

Span span_of(const cv::Mat& picture) {
  Span span;
  cv::minMaxLoc(picture.reshape(1), &span.least, &span.greatest);
  return span;
}

[[noreturn]] void refuse_samples(const std::filesystem::path& path, const Span& span, const std::string& expected) {
  std::ostringstream text;
  text << "has samples from " << span.least << " to " << span.greatest << "; " << expected;
  refuse_input(path, text.str());
}

double greatest_of_bits(double greatest) {
  for (const int bits : {8, 12, 16}) {
    if (greatest <= std::ldexp(1, bits) - 1) return std::ldexp(1, bits) - 1;
  }
  return std::ldexp(1, 32) - 1;
}

double greatest_of_floats(const std::filesystem::path& path, const cv::Mat& picture, const Span& span, bool light) {
  if (!cv::checkRange(picture.reshape(1))) {
    refuse_input(path, "holds samples that are not finite (NaN or infinity)");
  }
  for (const double greatest : {1.0, 255.0}) {
    const double slack = greatest * kOvershoot;
    if (span.least >= -slack && (light || span.greatest <= greatest + slack)) return greatest;
  }
  refuse_samples(path, span, "floating-point pictures have them from 0 to 1 or from 0 to 255");
}

}  // namespace

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

cv::Mat to_eight_bits(const std::filesystem::path& path, const cv::Mat& picture, bool light) {
  if (picture.depth() == CV_8U) return picture;
  const Span span = span_of(picture);
  double greatest = 0;
  if (picture.depth() == CV_32F || picture.depth() == CV_64F) {
    greatest = greatest_of_floats(path, picture, span, light);
  } else {
    if (span.least < 0) refuse_samples(path, span, "pictures have none below 0");
    greatest = greatest_of_bits(span.greatest);
  }
  cv::Mat result;
  picture.convertTo(result, CV_8U, 255.0 / greatest);
  return result;
}

}  // namespace attune
