#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/error.h>

#include "render/heat.h"
#include "render/overlay.h"

namespace attune {
namespace {

// 0.5 + 0.1 (x - mean) / std over all channels, cut to 0..1: "deprocess_image" of guided backpropagation's codes.
void about_grey(at::Tensor& gradient) {
  double* values = gradient.data_ptr<double>();
  const int64_t count = gradient.numel();
  double greatest = 0, sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) greatest = std::max(greatest, std::abs(values[i]));
  if (greatest == 0) greatest = 1;
  for (int64_t i = 0; i < count; ++i) sum += values[i] / greatest;
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += std::pow(values[i] / greatest - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(count));
  // Below this, all there is is rounding.
  const double scale = deviation > 1e-9 ? 0.1 / deviation : 0;
  for (int64_t i = 0; i < count; ++i) values[i] = std::clamp(0.5 + scale * (values[i] / greatest - mean), 0.0, 1.0);
}

// [C,H,W] -> [1,H,W], absolute values summed over channels, in 0..1.
at::Tensor as_grey(const at::Tensor& gradient) {
  const int64_t cells = gradient.size(1) * gradient.size(2);
  at::Tensor result = at::zeros({1, gradient.size(1), gradient.size(2)}, at::kDouble);
  double* out = result.data_ptr<double>();
  const double channels = static_cast<double>(gradient.size(0));
  for (int64_t i = 0; i < gradient.numel(); ++i) out[i % cells] += std::abs(gradient.data_ptr<double>()[i]) / channels;
  std::vector<double> sorted(out, out + cells);
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(cells - 1));
  std::nth_element(sorted.begin(), nth, sorted.end());
  // A few lit pixels among zeros: the percentile is 0.
  const double range = *nth > 0 ? *nth : *std::max_element(nth, sorted.end());
  for (int64_t i = 0; i < cells; ++i) out[i] = range > 0 ? std::min(out[i] / range, 1.0) : 0;
  return result;
}

}  // namespace

Image gradient_picture(const at::Tensor& gradient, const Region& region, int64_t height, int64_t width) {
  if (height < 1 || width < 1) throw Error(Fault::run, "a picture has at least one pixel");
  at::Tensor values = drawable(gradient, 3).clone();
  const bool colour = values.size(0) == 3;
  if (colour)
    about_grey(values);
  else
    values = as_grey(values);

  const Inside part = inside(region, height, width);
  const auto background = static_cast<uint8_t>(colour ? 128 : 0);
  Image result = at::empty({height, width, 3}, at::kByte);
  for (int64_t c = 0; c < 3; ++c) {
    const at::Tensor channel = spread(values[colour ? c : 0], region, height, width);
    const float* in = channel.data_ptr<float>();
    uint8_t* out = result.data_ptr<uint8_t>() + c;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x, ++in, out += 3) {
        *out = part.contains(y, x) ? static_cast<uint8_t>(std::lround(std::clamp(*in, 0.0F, 1.0F) * 255)) : background;
      }
    }
  }
  return result;
}

}  // namespace attune
