#include "render/signal_picture.h"

#include <ATen/ops/arange.h>
#include <numeric>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "render/figure.h"
#include "render/heat.h"

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

// In order.
std::vector<int64_t> drawn_channels(int64_t channels, const at::Tensor& map, const SignalOptions& options) {
  at::Tensor order = at::arange(channels);
  if (channels > options.shown && map.defined() && map.size(0) == channels) {
    order = std::get<1>(heat_in(map, options.heat.signed_).sum(1).sort(/*stable=*/true, 0, /*descending=*/true));
  }
  order = std::get<0>(order.slice(0, 0, options.shown).sort());
  return {order.data_ptr<int64_t>(), order.data_ptr<int64_t>() + order.numel()};
}

float strongest(const std::vector<float>& heat, int64_t begin, int64_t end, bool signed_) {
  float result = heat[static_cast<size_t>(begin)];
  for (int64_t i = begin + 1; i < end; ++i) {
    const float value = heat[static_cast<size_t>(i)];
    if (strength(value, signed_) > strength(result, signed_)) result = value;
  }
  return result;
}

constexpr Colour kCurveInk = {66, 66, 74};  // of curves without heat, and around those with
constexpr float kFullColour = 0.2F;         // heat from which on a curve has the colormap's own colour
constexpr double kPiece = 4;                // length of a line of one colour, in pixels

// A point of a curve.
struct WarmSpot {
  Spot at;
  float heat;

  WarmSpot towards(const WarmSpot& other, double share) const {
    return {{at.x + share * (other.at.x - at.x), at.y + share * (other.at.y - at.y)},
            heat + static_cast<float>(share) * (other.heat - heat)};
  }
};

// The curves, and everything around them.
class SignalFigure {
 public:
  SignalFigure(std::vector<SignalCurve> curves, int64_t channels, const SignalOptions& options)
      : curves_(std::move(curves)),
        channels_(channels),
        colours_(colormap_of(options.heat)),
        is_signed_(options.heat.signed_),
        is_small_(options.width < 480),
        width_(static_cast<double>(options.width)),
        unit_(std::clamp(width_ / 90, 7.0, 12.0)) {
    const double count = static_cast<double>(curves_.size()), last = static_cast<double>(curves_[0].values.size()) - 1;
    time_ = axis_of({0, std::max(last, 1.0)}, is_small_ ? 3 : 8);
    double texts = 0;
    for (const SignalCurve& curve : curves_) {
      const std::vector<double> values(curve.values.begin(), curve.values.end());
      values_.push_back(widened(axis_of(values, is_small_ || curves_.size() > 4 ? 2 : 4)));
      const Axis& axis = values_.back();
      for (const double tick : axis.ticks()) texts = std::max(texts, text_width(axis.text(tick), {unit_}));
    }
    left_ = std::min(texts, width_ / 3) + 2 * unit_;
    plot_ = options.height > 0 ? static_cast<double>(options.height) : std::clamp(480 / count, 70.0, 300.0);
    band_ = curves_[0].heat.empty() ? 0 : 1.4 * unit_;
  }

  Image picture() const {
    const std::string said = what_is_shown();
    const double top = (said.empty() ? 1.2 : 3.2) * unit_, pitch = plot_ + band_ + 1.6 * unit_;
    const double bottom = top + pitch * static_cast<double>(curves_.size()) - 1.6 * unit_;
    Drawing drawing(std::lround(bottom + (is_small_ ? 2.6 : 5.2) * unit_), std::lround(width_));
    Figure figure{drawing, unit_, left_, top, width_ - 1.5 * unit_, top + plot_, time_};
    drawing.text(said, {left_, 1.8 * unit_, width_}, figure.style());
    for (size_t row = 0; row < curves_.size(); ++row) {
      figure.y = values_[row];
      figure.top = top + pitch * static_cast<double>(row);
      figure.bottom = figure.top + plot_;
      draw_frame(figure, curves_[row]);
      draw_curve(figure, curves_[row]);
      if (band_ > 0) draw_band(figure, curves_[row]);
    }
    draw_time(figure, bottom + 0.3 * unit_);
    return drawing.picture();
  }

 private:
  // "12 of 64 channels, those with the most heat"; "" when there is nothing to say.
  std::string what_is_shown() const {
    const auto shown = static_cast<int64_t>(curves_.size());
    if (shown == channels_) return "";
    const bool first = curves_.back().channel == shown - 1;
    return std::to_string(shown) + " of " + std::to_string(channels_) + " channels, " +
           (first ? "the first ones" : "those with the most heat");
  }

  const Colour& band_colour(float heat) const { return colours_.at(is_signed_ ? 0.5F + heat / 2 : heat); }
  Colour curve_colour(float heat) const {
    return mixed(kCurveInk, band_colour(heat), std::min(strength(heat, is_signed_) / kFullColour, 1.0F));
  }

  // Columns of pixels from the first sample to the last.
  static int64_t columns(const Figure& figure) { return std::lround(figure.right) - std::lround(figure.left) + 1; }

  void draw_frame(const Figure& figure, const SignalCurve& curve) const {
    figure.draw_grid();
    figure.drawing.rule({figure.left, figure.top}, {figure.left, figure.bottom}, ink::quiet);
    if (channels_ == 1) return;
    const std::string name = (is_small_ ? "" : "channel ") + std::to_string(curve.channel);
    figure.drawing.text(name, {left_ + unit_ / 2, figure.top + 1.4 * unit_}, {unit_, ink::quiet, true});
  }

  void draw_curve(const Figure& figure, const SignalCurve& curve) const {
    std::vector<WarmSpot> spots;
    for (const CurvePoint& point : points_of(curve, columns(figure), is_signed_)) {
      spots.push_back({{figure.column(point.sample), figure.row(point.value)}, point.heat});
    }
    if (spots.size() == 1) spots.push_back({{figure.right, spots[0].at.y}, spots[0].heat});
    const double thickness = is_small_ ? 1 : 2;
    // Ink around the colours, or light ones would not be seen on white.
    for (size_t i = 1; i < spots.size(); ++i) {
      const double around = has_heat(spots[i - 1], spots[i]) ? 2 : 0;
      figure.drawing.line(spots[i - 1].at, spots[i].at, {kCurveInk, thickness + around});
    }
    for (size_t i = 1; i < spots.size(); ++i) draw_heat(figure.drawing, spots[i - 1], spots[i], thickness);
  }

  bool has_heat(const WarmSpot& from, const WarmSpot& to) const {
    return strength(from.heat, is_signed_) > 0 || strength(to.heat, is_signed_) > 0;
  }

  void draw_heat(Drawing& drawing, const WarmSpot& from, const WarmSpot& to, double thickness) const {
    if (!has_heat(from, to)) return;
    const double pieces = std::max(1.0, std::ceil(std::hypot(to.at.x - from.at.x, to.at.y - from.at.y) / kPiece));
    for (double piece = 0; piece < pieces; ++piece) {
      const WarmSpot begin = from.towards(to, piece / pieces), end = from.towards(to, (piece + 1) / pieces);
      drawing.line(begin.at, end.at, {curve_colour(begin.towards(end, 0.5).heat), thickness});
    }
  }

  void draw_band(const Figure& figure, const SignalCurve& curve) const {
    const double top = std::round(figure.bottom + 0.3 * unit_), bottom = top + std::round(band_);
    auto x = static_cast<double>(std::lround(figure.left));
    for (const float heat : heat_columns(curve, columns(figure), is_signed_)) {
      figure.drawing.area({x, top}, {x + 1, bottom}, band_colour(heat));
      ++x;
    }
  }

  void draw_time(const Figure& figure, double top) const {
    const auto write = [&](const std::string& text, double x, double baseline) {
      figure.drawing.text(text, {x, baseline, width_, Align::centre}, figure.style());
    };
    for (const double tick : time_.ticks()) {
      const std::string text = time_.text(tick);
      const double x = figure.column(tick), half = text_width(text, figure.style()) / 2;
      figure.drawing.rule({x, top}, {x, top + unit_ / 2}, ink::quiet);
      write(text, std::min(x, width_ - half), top + 2 * unit_);
    }
    if (!is_small_) write("sample", (figure.left + figure.right) / 2, top + 4.2 * unit_);
  }

  const std::vector<SignalCurve> curves_;
  const int64_t channels_;
  const Colormap& colours_;
  const bool is_signed_, is_small_;
  const double width_, unit_;              // unit: height of a capital letter
  double left_ = 0, plot_ = 0, band_ = 0;  // heights of a plot, and of the band of heat below it: 0 without a map
  Axis time_;
  std::vector<Axis> values_;  // one per curve
};

}  // namespace

std::vector<SignalCurve> curves_of(const at::Tensor& given, const at::Tensor& map, const SignalOptions& options) {
  require_signal(given, map, options);
  const at::Tensor signal = given.detach().to(at::kCPU, at::kFloat).contiguous();
  const int64_t length = signal.size(1);
  const at::Tensor values = map.defined() ? drawable(map, 2) : map;
  const double range = on_scale_of(values, options.heat).full_heat;
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

Image signal_picture(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options) {
  return SignalFigure(curves_of(signal, map, options), signal.size(0), options).picture();
}

}  // namespace attune
