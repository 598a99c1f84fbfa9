#include "render/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace attune {
namespace {

constexpr double kLargest = 1e300;
constexpr double kFinest = 1e-12;  // smallest range, as a share of the values: below it digits are noise

double nice_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1, 2, 5}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Of a power of ten.
double exponent_of(double power) { return std::round(std::log10(power)); }

bool is_whole(double value) { return value == std::floor(value); }

}  // namespace

bool is_drawable(double value) { return std::isfinite(value) && std::abs(value) < kLargest; }

double Axis::share(double value) const {
  if (logarithmic) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

bool Axis::takes(double value) const { return is_drawable(value) && (!logarithmic || value > 0); }

std::vector<double> Axis::ticks() const {
  std::vector<double> all;
  if (logarithmic) {
    for (double e = exponent_of(low); e <= exponent_of(high); e += step) all.push_back(std::pow(10, e));
    return all;
  }
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last; ++i) all.push_back(i * step);
  return all;
}

std::string Axis::text(double tick) const {
  char buffer[64];
  if (logarithmic) {
    std::snprintf(buffer, sizeof buffer, "1e%.0f", exponent_of(tick));
    return buffer;
  }
  const double largest = std::max(std::abs(low), std::abs(high));
  if (std::abs(tick) < step * 1e-6) return "0";
  if (largest >= 1e6 || step < 1e-4) {
    const double digits = std::floor(std::log10(largest) + 1e-9) - std::floor(std::log10(step) + 1e-9) + 1;
    std::snprintf(buffer, sizeof buffer, "%.*g", static_cast<int>(std::clamp(digits, 1.0, 15.0)), tick);
  } else {
    const int decimals = static_cast<int>(std::max(0.0, std::ceil(-std::log10(step) - 1e-9)));
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, tick);
  }
  return buffer;
}

Axis axis_of(const std::vector<double>& values, int count) {
  std::vector<double> drawn;
  std::copy_if(values.begin(), values.end(), std::back_inserter(drawn), is_drawable);
  if (drawn.empty()) return {};
  const auto [least, greatest] = std::minmax_element(drawn.begin(), drawn.end());
  Axis axis{*least, *greatest, 0};
  const double size = std::max(std::abs(axis.low), std::abs(axis.high));
  if (axis.high - axis.low <= size * kFinest || axis.high - axis.low < 1 / kLargest) {
    const double room = size > 1 / kLargest ? 0.1 * size : 1;
    axis.low -= room;
    axis.high += room;
  }
  axis.step = nice_step((axis.high - axis.low) / count);
  if (std::all_of(drawn.begin(), drawn.end(), is_whole)) axis.step = std::max(axis.step, 1.0);
  return axis;
}

Axis logarithmic_axis_of(const std::vector<double>& values) {
  constexpr double most_ticks = 6;
  double least = 1, greatest = 1;
  bool any = false;
  for (const double value : values) {
    if (!is_drawable(value) || value < std::numeric_limits<double>::min()) continue;
    least = any ? std::min(least, value) : value;
    greatest = any ? std::max(greatest, value) : value;
    any = true;
  }
  double low = std::floor(std::log10(least) + 1e-9), high = std::ceil(std::log10(greatest) - 1e-9);
  if (low == high) --low, ++high;
  const double step = std::ceil((high - low) / most_ticks);
  high = low + step * std::ceil((high - low) / step);
  return {std::pow(10, low), std::pow(10, high), step, true};
}

Axis widened(Axis axis) {
  axis.low = std::floor(axis.low / axis.step + 1e-9) * axis.step;
  axis.high = std::ceil(axis.high / axis.step - 1e-9) * axis.step;
  if (axis.high <= axis.low) axis.high = axis.low + axis.step;
  return axis;
}

}  // namespace attune
