#include <algorithm>
#include <numeric>
#include <string>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/image.h"
#include "render/heat.h"
#include "render/signal_picture.h"

namespace attune {
namespace {

void require_signal(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options) {
  if (!signal.defined() || signal.dim() != 2 || signal.numel() == 0) {
    throw Error(Fault::run, "a signal is drawn from a tensor [C,L]");
  }
  if (options.shown < 1 || options.width < 200) {
    throw Error(Fault::run, "a signal is shown by at least one channel, 200 pixels wide");
  }
  if (!map.defined() || (map.dim() == 2 && (map.size(0) == 1 || map.size(0) == signal.size(0)))) return;
  throw Error(Fault::run, "the map " + shape_text(map.sizes().vec()) + " cannot be drawn along the signal " +
                              shape_text(signal.sizes().vec()));
}

// [M] -> `length` values in -1..1.
std::vector<float> heat_along(const at::Tensor& map, int64_t length, double range) {
  const double* cells = map.data_ptr<double>();
  const int64_t size = map.size(0);
  std::vector<float> heat;
  for (const Taps& tap : filter_taps(size, 0, static_cast<double>(size), length, Filter::linear)) {
    const double value = std::inner_product(tap.weights.begin(), tap.weights.end(), cells + tap.first, 0.0);
    heat.push_back(range > 0 ? static_cast<float>(std::clamp(value / range, -1.0, 1.0)) : 0.0F);
  }
  return heat;
}

std::vector<int64_t> drawn_channels(int64_t channels, const at::Tensor& map, const SignalOptions& options) {
  std::vector<int64_t> order(static_cast<size_t>(channels));
  std::iota(order.begin(), order.end(), 0);
  if (channels <= options.shown) return order;
  if (map.defined() && map.size(0) == channels) {
    const at::Tensor sums = (options.heat.signed_ ? map.abs() : map.clamp_min(0)).sum(1).contiguous();
    const double* sum = sums.data_ptr<double>();
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return sum[a] > sum[b]; });
  }
  order.resize(static_cast<size_t>(options.shown));
  std::sort(order.begin(), order.end());
  return order;
}

float strongest(const std::vector<float>& heat, int64_t begin, int64_t end, bool signed_) {
  float result = heat[static_cast<size_t>(begin)];
  for (int64_t i = begin + 1; i < end; ++i) {
    const float value = heat[static_cast<size_t>(i)];
    if (strength(value, signed_) > strength(result, signed_)) result = value;
  }
  return result;
}

}  // namespace

std::vector<SignalCurve> curves_of(const at::Tensor& given, const at::Tensor& map, const SignalOptions& options) {
  require_signal(given, map, options);
  const at::Tensor signal = given.detach().to(at::kCPU, at::kFloat).contiguous();
  const int64_t length = signal.size(1);
  at::Tensor values;
  double range = options.heat.full_heat;
  if (map.defined()) {
    values = drawable(map, 2);
    if (range == 0) range = heat_range(values, options.heat.signed_);
  }
  std::vector<SignalCurve> curves;
  for (const int64_t channel : drawn_channels(signal.size(0), values, options)) {
    const float* first = signal.data_ptr<float>() + channel * length;
    SignalCurve curve{channel, {first, first + length}, {}};
    if (map.defined()) curve.heat = heat_along(values[values.size(0) == 1 ? 0 : channel], length, range);
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<CurvePoint> points_of(const SignalCurve& curve, int64_t bins, bool signed_) {
  const auto length = static_cast<int64_t>(curve.values.size());
  const int64_t parts = std::min(length, bins);
  std::vector<CurvePoint> points;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = part * length / parts, end = (part + 1) * length / parts;
    const auto [least, greatest] = std::minmax_element(curve.values.begin() + begin, curve.values.begin() + end);
    const float heat = curve.heat.empty() ? 0.0F : strongest(curve.heat, begin, end, signed_);
    for (const auto& sample : {std::min(least, greatest), std::max(least, greatest)}) {
      points.push_back({static_cast<double>(sample - curve.values.begin()), *sample, heat});
      if (least == greatest) break;
    }
  }
  return points;
}

std::vector<float> heat_columns(const SignalCurve& curve, int64_t count, bool signed_) {
  const auto last = static_cast<int64_t>(curve.heat.size()) - 1;
  const double step = count > 1 ? static_cast<double>(last) / static_cast<double>(count - 1) : 0;
  std::vector<float> columns;
  for (int64_t column = 0; column < count; ++column) {
    const double sample = static_cast<double>(column) * step;
    if (step > 1) {
      const auto begin = static_cast<int64_t>(std::ceil(std::max(sample - step / 2, 0.0)));
      const auto end = static_cast<int64_t>(std::floor(sample + step / 2)) + 1;
      columns.push_back(strongest(curve.heat, std::min(begin, last), std::min(end, last + 1), signed_));
    } else {
      const auto left = std::min(static_cast<int64_t>(sample), last), right = std::min(left + 1, last);
      const auto share = static_cast<float>(sample - static_cast<double>(left));
      columns.push_back((1 - share) * curve.heat[static_cast<size_t>(left)] +
                        share * curve.heat[static_cast<size_t>(right)]);
    }
  }
  return columns;
}

}  // namespace attune
