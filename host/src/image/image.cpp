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
#include <sstream>

#include <attune/sdk/error.h>

#include "image/input_file.h"
#include "image/mat.h"
#include "image/output_file.h"

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

namespace {

// Pillow's fixed-point arithmetic: 8 bits of picture, 22 of weight, 2 to spare.
constexpr int kPrecision = 22;

struct FixedTaps {
  int64_t first;
  std::vector<int32_t> weights;
};

std::vector<FixedTaps> to_fixed(const std::vector<Taps>& taps) {
  std::vector<FixedTaps> fixed;
  fixed.reserve(taps.size());
  for (const Taps& tap : taps) {
    FixedTaps& entry = fixed.emplace_back(FixedTaps{tap.first, {}});
    for (double weight : tap.weights) {
      entry.weights.push_back(static_cast<int32_t>(std::round(weight * (1 << kPrecision))));
    }
  }
  return fixed;
}

uint8_t clip(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

// The taps of `count` outputs from `first` on, when `size` samples become `resized`.
std::vector<FixedTaps> part_taps(int64_t size, int64_t resized, int64_t first, int64_t count) {
  const double step = static_cast<double>(size) / static_cast<double>(resized);
  const double begin = static_cast<double>(first) * step, end = static_cast<double>(first + count) * step;
  return to_fixed(filter_taps(size, begin, end, count, Filter::linear));
}

Image resize_columns(const Image& image, const std::vector<FixedTaps>& columns) {
  Image result = at::empty({image.size(0), static_cast<int64_t>(columns.size()), 3}, at::kByte);
  uint8_t* out = result.data_ptr<uint8_t>();
  for (int64_t y = 0; y < image.size(0); ++y) {
    const uint8_t* row = image.data_ptr<uint8_t>() + y * image.size(1) * 3;
    for (const FixedTaps& tap : columns) {
      int32_t sum[3] = {1 << (kPrecision - 1), 1 << (kPrecision - 1), 1 << (kPrecision - 1)};
      const uint8_t* in = row + tap.first * 3;
      for (int32_t weight : tap.weights) {
        for (int c = 0; c < 3; ++c) sum[c] += *in++ * weight;
      }
      for (int32_t value : sum) *out++ = clip(value);
    }
  }
  return result;
}

Image resize_rows(const Image& image, const std::vector<FixedTaps>& rows) {
  const int64_t stride = image.size(1) * 3;
  Image result = at::empty({static_cast<int64_t>(rows.size()), image.size(1), 3}, at::kByte);
  uint8_t* out = result.data_ptr<uint8_t>();
  std::vector<int32_t> sums(static_cast<size_t>(stride));
  for (const FixedTaps& tap : rows) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecision - 1));
    const uint8_t* in = image.data_ptr<uint8_t>() + tap.first * stride;
    for (int32_t weight : tap.weights) {
      for (int32_t& sum : sums) sum += *in++ * weight;
    }
    for (int32_t sum : sums) *out++ = clip(sum);
  }
  return result;
}

}  // namespace

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

Image resize(const Image& image, int64_t height, int64_t width) {
  return resize(image, height, width, {0, 0, height, width});
}

Image resize(const Image& image, int64_t height, int64_t width, const Window& part) {
  require_image(image);
  if (part.top < 0 || part.left < 0 || part.height < 1 || part.width < 1 || part.top + part.height > height ||
      part.left + part.width > width) {
    throw Error(Fault::run, "a picture cannot be resized to less than one pixel, or cut outside of itself");
  }
  Image result = image.contiguous();
  if (width != image.size(1) || part.width != width) {
    result = resize_columns(result, part_taps(image.size(1), width, part.left, part.width));
  }
  if (height != image.size(0) || part.height != height) {
    result = resize_rows(result, part_taps(image.size(0), height, part.top, part.height));
  }
  return result;
}

}  // namespace attune
