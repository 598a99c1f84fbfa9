#include "image/image.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "image/output_file.h"

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

void require_image(const Image& image) {
  if (image.defined() && image.scalar_type() == at::kByte && image.device().is_cpu() && image.dim() == 3 &&
      image.size(2) == 3 && image.size(0) > 0 && image.size(1) > 0) {
    return;
  }
  throw Error(Fault::run, "expected a picture, a uint8 tensor [H,W,3] on the CPU, but got " +
                              (image.defined() ? image.toString() + " with " + std::to_string(image.dim()) + " axes"
                                               : std::string("an undefined tensor")));
}

void write_png(const std::filesystem::path& path, const Image& image) {
  prepare_opencv();
  require_image(image);
  const Image picture = image.contiguous();
  cv::Mat bgr;
  cv::cvtColor(view(picture), bgr, cv::COLOR_RGB2BGR);
  std::vector<uint8_t> bytes;
  try {
    if (!cv::imencode(".png", bgr, bytes)) bytes.clear();
  } catch (const cv::Exception&) {
    bytes.clear();
  }
  if (bytes.empty()) throw Error(Fault::output, path.string() + ": the picture cannot be encoded as PNG");
  write_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Image scaled(const Image& image, double factor) {
  const auto side = [&](int64_t length) {
    return std::max<int64_t>(std::lround(static_cast<double>(length) * factor), 1);
  };
  return resize(image, side(image.size(0)), side(image.size(1)));
}

void paste(const Image& canvas, const Image& picture, int64_t top, int64_t left) {
  canvas.narrow(0, top, picture.size(0)).narrow(1, left, picture.size(1)).copy_(picture);
}

}  // namespace attune
