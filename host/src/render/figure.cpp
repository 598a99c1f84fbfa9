#include "render/figure.h"

#include <algorithm>

#include "base/numbers.h"

namespace attune {
namespace {

constexpr std::array<Colour, 10> kColours = {rgb(0x4e79a7), rgb(0xf28e2b), rgb(0xe15759), rgb(0x76b7b2), rgb(0x59a14f),
                                             rgb(0xedc948), rgb(0xb07aa1), rgb(0xff9da7), rgb(0x9c755f), rgb(0x8c8c8c)};

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

Colour ink::of_curve(size_t i) { return kColours[i % kColours.size()]; }

Stroke stroke_of_curve(size_t i, bool bold) { return {ink::of_curve(i), bold ? 4.0 : 2.0, i >= kColours.size()}; }

void Figure::draw_grid() const {
  for (const double tick : y.ticks()) {
    drawing.rule({left, row(tick)}, {right, row(tick)}, ink::grid);
    drawing.text(y.text(tick), {left - unit, row(tick) + unit / 2, left - unit, Align::right}, style());
  }
}

void Figure::draw_axes() const {
  draw_grid();
  drawing.rule({left, top}, {left, bottom}, ink::line);
  drawing.rule({left, bottom}, {right, bottom}, ink::line);
}

void Figure::draw_ticks(bool numbers) const {
  for (const double tick : x.ticks()) {
    drawing.rule({column(tick), bottom}, {column(tick), bottom + unit / 2}, ink::line);
    if (numbers) drawing.text(x.text(tick), {column(tick), bottom + 2.2 * unit, 8 * unit, Align::centre}, style());
  }
}

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
  if (logarithmic) return "1e" + fixed(exponent_of(tick), 0);
  const double largest = std::max(std::abs(low), std::abs(high));
  if (std::abs(tick) < step * 1e-6) return "0";
  if (largest >= 1e6 || step < 1e-4) {
    const double digits = std::floor(std::log10(largest) + 1e-9) - std::floor(std::log10(step) + 1e-9) + 1;
    return significant(tick, static_cast<int>(std::clamp(digits, 1.0, 15.0)));
  }
  return fixed(tick, static_cast<int>(std::max(0.0, std::ceil(-std::log10(step) - 1e-9))));
}

Axis axis_of(const std::vector<double>& values, int count) {
  std::vector<double> drawn = values;
  std::erase_if(drawn, [](double value) { return !is_drawable(value); });
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
  std::vector<double> drawn = values;
  std::erase_if(drawn, [](double value) { return !is_drawable(value) || value < std::numeric_limits<double>::min(); });
  if (drawn.empty()) drawn = {1};
  const auto [least, greatest] = std::minmax_element(drawn.begin(), drawn.end());
  double low = std::floor(std::log10(*least) + 1e-9), high = std::ceil(std::log10(*greatest) - 1e-9);
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
