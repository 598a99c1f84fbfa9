#include "render/signal_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "image/mat.h"
#include "render/axis.h"
#include "render/colormap.h"
#include "render/signal_curves.h"
#include "render/text.h"

namespace attune {
namespace {

using Rgb = std::array<uint8_t, 3>;
constexpr Rgb kCurveInk = {66, 66, 74};  // of curves without heat, and around those with
constexpr Rgb kPlotText = {90, 90, 98};
constexpr Rgb kPlotGrid = {228, 228, 231};
constexpr float kFullColour = 0.2F;  // heat from which on a curve has the colormap's own colour
constexpr int kFraction = 4;         // OpenCV's fractions of a pixel, in bits
constexpr double kPiece = 4;         // length of a line of one colour, in pixels

cv::Scalar rgb(const Rgb& colour) { return {double(colour[0]), double(colour[1]), double(colour[2])}; }

// What heat looks like, in bands and on curves.
class HeatColours {
 public:
  explicit HeatColours(const OverlayOptions& options)
      : colours_(colormap(options.colormap.empty() ? default_colormap(options.signed_) : options.colormap)),
        signed_(options.signed_) {}

  bool is_signed() const { return signed_; }

  const Rgb& band(float heat) const {
    const float place = signed_ ? 0.5F + heat / 2 : strength(heat, false);
    return colours_.colours[static_cast<size_t>(std::lround(std::clamp(place, 0.0F, 1.0F) * 255))];
  }

  Rgb curve(float heat) const {
    const float share = std::min(strength(heat, signed_) / kFullColour, 1.0F);
    Rgb mixed{};
    for (size_t c = 0; c < 3; ++c) {
      const auto ink = static_cast<float>(kCurveInk[c]), colour = static_cast<float>(band(heat)[c]);
      mixed[c] = static_cast<uint8_t>(std::lround(ink + share * (colour - ink)));
    }
    return mixed;
  }

 private:
  const Colormap& colours_;
  bool signed_;
};

// A point of a curve in pixels.
struct Spot {
  double x, y;
  float heat;

  Spot towards(const Spot& other, double share) const {
    return {x + share * (other.x - x), y + share * (other.y - y),
            heat + static_cast<float>(share) * (other.heat - heat)};
  }
};

// Where the plots lie on the canvas.
struct SignalLayout {
  double unit = 9;  // height of a capital letter
  double left = 0, right = 0, top = 0;
  double plot = 0, band = 0, gap = 0;  // heights; band: 0 without a map

  double top_of(size_t row) const { return top + (plot + band + gap) * static_cast<double>(row); }
  TextStyle style(bool bold = false) const { return {unit, kPlotText, bold}; }
};

// The curves, and everything around them.
class SignalFigure {
 public:
  SignalFigure(std::vector<SignalCurve> curves, int64_t channels, const SignalOptions& options)
      : curves_(std::move(curves)),
        channels_(channels),
        options_(options),
        colours_(options.heat),
        is_small_(options.width < 480) {
    const auto last = static_cast<double>(curves_[0].values.size()) - 1;
    time_ = axis_of({0, std::max(last, 1.0)}, is_small_ ? 3 : 8);
    for (const SignalCurve& curve : curves_) {
      const std::vector<double> values(curve.values.begin(), curve.values.end());
      values_.push_back(widened(axis_of(values, is_small_ || curves_.size() > 4 ? 2 : 4)));
    }
    lay_out();
  }

  Image draw() {
    const double below = (is_small_ ? 2.6 : 5.2) * layout_.unit;
    const double height = layout_.top_of(curves_.size()) - layout_.gap + below;
    image_ = filled(std::lround(height), options_.width, {255, 255, 255});
    write(said(), layout_.left, 1.8 * layout_.unit, layout_.style());
    for (size_t row = 0; row < curves_.size(); ++row) {
      draw_frame(row);
      draw_curve(row);
      if (layout_.band > 0) draw_band(row);
    }
    draw_time();
    return image_;
  }

 private:
  // "12 of 64 channels, those with the most heat"; "" when there is nothing to say.
  std::string said() const {
    const auto shown = static_cast<int64_t>(curves_.size());
    if (shown == channels_) return "";
    const bool first = curves_.back().channel == shown - 1;
    return std::to_string(shown) + " of " + std::to_string(channels_) + " channels, " +
           (first ? "the first ones" : "those with the most heat");
  }

  void lay_out() {
    const auto width = static_cast<double>(options_.width), count = static_cast<double>(curves_.size());
    layout_.unit = std::clamp(width / 90, 7.0, 12.0);
    double texts = 0;
    for (const Axis& axis : values_) {
      for (const double tick : axis.ticks()) texts = std::max(texts, text_width(axis.text(tick), layout_.style()));
    }
    layout_.left = std::min(texts, width / 3) + 2 * layout_.unit;
    layout_.right = width - 1.5 * layout_.unit;
    layout_.top = (said().empty() ? 1.2 : 3.2) * layout_.unit;
    layout_.plot = options_.height > 0 ? static_cast<double>(options_.height) : std::clamp(480 / count, 70.0, 300.0);
    layout_.band = curves_[0].heat.empty() ? 0 : 1.4 * layout_.unit;
    layout_.gap = 1.6 * layout_.unit;
  }

  double column(double sample) const { return layout_.left + time_.share(sample) * (layout_.right - layout_.left); }
  double height_of(size_t row, double value) const {
    return layout_.top_of(row) + (1 - values_[row].share(value)) * layout_.plot;
  }
  // Columns of pixels from the first sample to the last.
  int64_t first_column() const { return std::lround(layout_.left); }
  int64_t columns() const { return std::lround(layout_.right) - first_column() + 1; }

  void write(const std::string& text, double x, double baseline, const TextStyle& style) {
    draw_text(image_, elide(text, static_cast<double>(options_.width) - x, style), x, baseline, style);
  }

  void rule(double x0, double y0, double x1, double y1, const Rgb& colour) {
    cv::Mat canvas = view(image_);
    cv::line(canvas, cv::Point(cvRound(x0), cvRound(y0)), cv::Point(cvRound(x1), cvRound(y1)), rgb(colour));
  }

  void stroke(const Spot& from, const Spot& to, int thickness, const Rgb& colour) {
    cv::Mat canvas = view(image_);
    const auto fixed = [](const Spot& spot) {
      return cv::Point(cvRound(spot.x * (1 << kFraction)), cvRound(spot.y * (1 << kFraction)));
    };
    cv::line(canvas, fixed(from), fixed(to), rgb(colour), thickness, cv::LINE_AA, kFraction);
  }

  void draw_frame(size_t row) {
    const TextStyle style = layout_.style();
    for (const double tick : values_[row].ticks()) {
      const double y = height_of(row, tick);
      const std::string text = values_[row].text(tick);
      rule(layout_.left, y, layout_.right, y, kPlotGrid);
      write(text, std::max(layout_.left - layout_.unit - text_width(text, style), 0.0), y + layout_.unit / 2, style);
    }
    rule(layout_.left, layout_.top_of(row), layout_.left, layout_.top_of(row) + layout_.plot, kPlotText);
    if (channels_ == 1) return;
    const std::string name = (is_small_ ? "" : "channel ") + std::to_string(curves_[row].channel);
    write(name, layout_.left + layout_.unit / 2, layout_.top_of(row) + 1.4 * layout_.unit, layout_.style(true));
  }

  void draw_curve(size_t row) {
    std::vector<Spot> spots;
    for (const CurvePoint& point : points_of(curves_[row], columns(), colours_.is_signed())) {
      spots.push_back({column(point.sample), height_of(row, point.value), point.heat});
    }
    if (spots.size() == 1) spots.push_back(spots[0].towards({layout_.right, spots[0].y, spots[0].heat}, 1));
    const int thickness = is_small_ ? 1 : 2;
    // Ink around the colours, or light ones would not be seen on white.
    for (size_t i = 1; i < spots.size(); ++i) {
      const bool plain = !has_heat(spots[i - 1], spots[i]);
      stroke(spots[i - 1], spots[i], plain ? thickness : thickness + 2, kCurveInk);
    }
    for (size_t i = 1; i < spots.size(); ++i) draw_heat(spots[i - 1], spots[i], thickness);
  }

  bool has_heat(const Spot& from, const Spot& to) const {
    return strength(from.heat, colours_.is_signed()) > 0 || strength(to.heat, colours_.is_signed()) > 0;
  }

  void draw_heat(const Spot& from, const Spot& to, int thickness) {
    if (!has_heat(from, to)) return;
    const double pieces = std::max(1.0, std::ceil(std::hypot(to.x - from.x, to.y - from.y) / kPiece));
    for (double piece = 0; piece < pieces; ++piece) {
      const Spot begin = from.towards(to, piece / pieces), end = from.towards(to, (piece + 1) / pieces);
      stroke(begin, end, thickness, colours_.curve(begin.towards(end, 0.5).heat));
    }
  }

  void draw_band(size_t row) {
    const int64_t top = std::lround(layout_.top_of(row) + layout_.plot + 0.3 * layout_.unit);
    at::Tensor rows = image_.narrow(0, top, std::lround(layout_.band));
    const std::vector<float> heat = heat_columns(curves_[row], columns(), colours_.is_signed());
    for (int64_t x = 0; x < columns(); ++x) {
      const Rgb& colour = colours_.band(heat[static_cast<size_t>(x)]);
      const at::Tensor cells = rows.select(1, first_column() + x);
      for (size_t c = 0; c < 3; ++c) cells.select(1, static_cast<int64_t>(c)).fill_(colour[c]);
    }
  }

  void draw_time() {
    const double bottom = layout_.top_of(curves_.size()) - layout_.gap + 0.3 * layout_.unit;
    const TextStyle style = layout_.style();
    for (const double tick : time_.ticks()) {
      const std::string text = time_.text(tick);
      const double x = column(tick), width = text_width(text, style);
      const double left = std::min(x - width / 2, static_cast<double>(options_.width) - width);
      rule(x, bottom, x, bottom + layout_.unit / 2, kPlotText);
      write(text, left, bottom + 2 * layout_.unit, style);
    }
    if (is_small_) return;
    const std::string label = "sample";
    write(label, (layout_.left + layout_.right - text_width(label, style)) / 2, bottom + 4.2 * layout_.unit, style);
  }

  std::vector<SignalCurve> curves_;
  int64_t channels_;
  const SignalOptions& options_;
  HeatColours colours_;
  bool is_small_;
  Axis time_;
  std::vector<Axis> values_;  // one per curve
  SignalLayout layout_;
  Image image_;
};

}  // namespace

Image signal_picture(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options) {
  prepare_opencv();
  std::vector<SignalCurve> curves = curves_of(signal, map, options);
  return SignalFigure(std::move(curves), signal.size(0), options).draw();
}

}  // namespace attune
