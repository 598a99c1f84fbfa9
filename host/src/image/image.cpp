#include "image/image.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "image/output_file.h"

namespace attune {
namespace {

double kernel(Filter filter, double x) {
  x = std::abs(x);
  if (filter == Filter::linear) return x < 1 ? 1 - x : 0;
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// The taps around `center` of an input of `size` samples. What lies outside is cut off; the cubic filter hands those
// weights to the border's sample: leaving them out, as Pillow does, exaggerates the ends of small maps.
Taps taps_around(double center, double stretch, int64_t size, Filter filter) {
  const double support = (filter == Filter::linear ? 1 : 2) * stretch;
  const auto begin = static_cast<int64_t>(std::floor(center - support + 0.5));
  const auto end = static_cast<int64_t>(std::floor(center + support + 0.5));
  const int64_t first = std::clamp<int64_t>(begin, 0, size - 1), last = std::clamp<int64_t>(end - 1, first, size - 1);
  Taps taps{first, std::vector<double>(static_cast<size_t>(last - first + 1))};
  for (int64_t i = begin; i < end; ++i) {
    const int64_t inside = std::clamp(i, first, last);
    if (inside != i && filter != Filter::cubic) continue;
    taps.weights[static_cast<size_t>(inside - first)] +=
        kernel(filter, (static_cast<double>(i) - center + 0.5) / stretch);
  }
  const double sum = std::accumulate(taps.weights.begin(), taps.weights.end(), 0.0);
  if (sum == 0) return {begin < 0 ? 0 : size - 1, {1.0}};
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

// Pillow's fixed-point arithmetic: 8 bits of picture, 22 of weight, 2 to spare.
constexpr int kPrecision = 22;

struct FixedTaps {
  int64_t first;
  std::vector<int32_t> weights;
};

uint8_t clip(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

// The taps of `count` outputs from `first` on, when `size` samples become `resized`.
std::vector<FixedTaps> part_taps(int64_t size, int64_t resized, int64_t first, int64_t count) {
  const double step = static_cast<double>(size) / static_cast<double>(resized);
  const double begin = static_cast<double>(first) * step, end = static_cast<double>(first + count) * step;
  std::vector<FixedTaps> fixed;
  for (const Taps& tap : filter_taps(size, begin, end, count, Filter::linear)) {
    std::vector<int32_t>& weights = fixed.emplace_back(FixedTaps{tap.first, {}}).weights;
    for (const double weight : tap.weights)
      weights.push_back(static_cast<int32_t>(std::round(weight * (1 << kPrecision))));
  }
  return fixed;
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

std::vector<Taps> filter_taps(int64_t size, double begin, double end, int64_t count, Filter filter) {
  const double step = (end - begin) / static_cast<double>(count);
  std::vector<Taps> result;
  result.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const double center = begin + (static_cast<double>(i) + 0.5) * step;
    // Far outside, only the nearest end matters; this keeps indices small.
    const double near = std::clamp(center, -2.0, static_cast<double>(size) + 2.0);
    result.push_back(taps_around(near, std::max(step, 1.0), size, filter));
  }
  return result;
}

at::Tensor resample(const at::Tensor& values, const std::vector<Taps>& rows, const std::vector<Taps>& columns) {
  const at::Tensor input = values.contiguous();
  const auto height = static_cast<int64_t>(rows.size()), width = static_cast<int64_t>(columns.size());
  at::Tensor wide = at::empty({input.size(0), width}, at::kFloat);
  float* out = wide.data_ptr<float>();
  for (int64_t y = 0; y < input.size(0); ++y) {
    const float* row = input.data_ptr<float>() + y * input.size(1);
    for (const Taps& tap : columns) {
      double sum = 0;
      for (size_t i = 0; i < tap.weights.size(); ++i) sum += tap.weights[i] * row[tap.first + static_cast<int64_t>(i)];
      *out++ = static_cast<float>(sum);
    }
  }
  at::Tensor result = at::zeros({height, width}, at::kFloat);
  for (int64_t y = 0; y < height; ++y) {
    const Taps& tap = rows[static_cast<size_t>(y)];
    float* target = result.data_ptr<float>() + y * width;
    const float* source = wide.data_ptr<float>() + tap.first * width;
    for (double weight : tap.weights) {
      const auto factor = static_cast<float>(weight);
      for (int64_t x = 0; x < width; ++x) target[x] += factor * *source++;
    }
  }
  return result;
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
