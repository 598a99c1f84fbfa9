#include "render/signal_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "render/colormap.h"
#include "render/drawing.h"
#include "render/figure.h"

namespace attune {
namespace {

constexpr Colour kCurveInk = {66, 66, 74};  // of curves without heat, and around those with
constexpr Colour kPlotText = {90, 90, 98};
constexpr Colour kPlotGrid = {228, 228, 231};
constexpr float kFullColour = 0.2F;  // heat from which on a curve has the colormap's own colour
constexpr double kPiece = 4;         // length of a line of one colour, in pixels

// What heat looks like, in bands and on curves.
class HeatColours {
 public:
  explicit HeatColours(const OverlayOptions& options)
      : colours_(colormap(options.colormap.empty() ? default_colormap(options.signed_) : options.colormap)),
        signed_(options.signed_) {}

  bool is_signed() const { return signed_; }

  const Colour& band(float heat) const {
    const float place = signed_ ? 0.5F + heat / 2 : strength(heat, false);
    return colours_.colours[static_cast<size_t>(std::lround(std::clamp(place, 0.0F, 1.0F) * 255))];
  }

  Colour curve(float heat) const {
    const float share = std::min(strength(heat, signed_) / kFullColour, 1.0F);
    Colour mixed{};
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

// A point of a curve.
struct WarmSpot {
  Spot at;
  float heat;

  WarmSpot towards(const WarmSpot& other, double share) const {
    return {{at.x + share * (other.at.x - at.x), at.y + share * (other.at.y - at.y)},
            heat + static_cast<float>(share) * (other.heat - heat)};
  }
};

// Where the plots lie in the drawing.
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

  Image picture() {
    const double below = (is_small_ ? 2.6 : 5.2) * layout_.unit;
    Drawing drawing(std::lround(layout_.top_of(curves_.size()) - layout_.gap + below), options_.width);
    write(drawing, said(), layout_.left, 1.8 * layout_.unit);
    for (size_t row = 0; row < curves_.size(); ++row) {
      draw_frame(drawing, row);
      draw_curve(drawing, row);
      if (layout_.band > 0) draw_band(drawing, row);
    }
    draw_time(drawing);
    return drawing.picture();
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

  void write(Drawing& drawing, const std::string& text, double x, double baseline, Align align = Align::left) const {
    drawing.text(text, {x, baseline, static_cast<double>(options_.width), align}, layout_.style());
  }

  void draw_frame(Drawing& drawing, size_t row) const {
    const double left = layout_.left, top = layout_.top_of(row), unit = layout_.unit;
    for (const double tick : values_[row].ticks()) {
      const double y = height_of(row, tick);
      drawing.rule({left, y}, {layout_.right, y}, kPlotGrid);
      drawing.text(values_[row].text(tick), {left - unit, y + unit / 2, left - unit, Align::right}, layout_.style());
    }
    drawing.rule({left, top}, {left, top + layout_.plot}, kPlotText);
    if (channels_ == 1) return;
    const std::string name = (is_small_ ? "" : "channel ") + std::to_string(curves_[row].channel);
    drawing.text(name, {left + unit / 2, top + 1.4 * unit}, layout_.style(true));
  }

  void draw_curve(Drawing& drawing, size_t row) const {
    std::vector<WarmSpot> spots;
    for (const CurvePoint& point : points_of(curves_[row], columns(), colours_.is_signed())) {
      spots.push_back({{column(point.sample), height_of(row, point.value)}, point.heat});
    }
    if (spots.size() == 1) spots.push_back({{layout_.right, spots[0].at.y}, spots[0].heat});
    const double thickness = is_small_ ? 1 : 2;
    // Ink around the colours, or light ones would not be seen on white.
    for (size_t i = 1; i < spots.size(); ++i) {
      const double around = has_heat(spots[i - 1], spots[i]) ? 2 : 0;
      drawing.line(spots[i - 1].at, spots[i].at, {kCurveInk, thickness + around});
    }
    for (size_t i = 1; i < spots.size(); ++i) draw_heat(drawing, spots[i - 1], spots[i], thickness);
  }

  bool has_heat(const WarmSpot& from, const WarmSpot& to) const {
    return strength(from.heat, colours_.is_signed()) > 0 || strength(to.heat, colours_.is_signed()) > 0;
  }

  void draw_heat(Drawing& drawing, const WarmSpot& from, const WarmSpot& to, double thickness) const {
    if (!has_heat(from, to)) return;
    const double pieces = std::max(1.0, std::ceil(std::hypot(to.at.x - from.at.x, to.at.y - from.at.y) / kPiece));
    for (double piece = 0; piece < pieces; ++piece) {
      const WarmSpot begin = from.towards(to, piece / pieces), end = from.towards(to, (piece + 1) / pieces);
      drawing.line(begin.at, end.at, {colours_.curve(begin.towards(end, 0.5).heat), thickness});
    }
  }

  void draw_band(Drawing& drawing, size_t row) const {
    const double top = std::round(layout_.top_of(row) + layout_.plot + 0.3 * layout_.unit);
    const double bottom = top + std::round(layout_.band);
    double x = static_cast<double>(first_column());
    for (const float heat : heat_columns(curves_[row], columns(), colours_.is_signed())) {
      drawing.area({x, top}, {x + 1, bottom}, colours_.band(heat));
      ++x;
    }
  }

  void draw_time(Drawing& drawing) const {
    const double bottom = layout_.top_of(curves_.size()) - layout_.gap + 0.3 * layout_.unit;
    for (const double tick : time_.ticks()) {
      const std::string text = time_.text(tick);
      const double x = column(tick), half = text_width(text, layout_.style()) / 2;
      drawing.rule({x, bottom}, {x, bottom + layout_.unit / 2}, kPlotText);
      write(drawing, text, std::min(x, static_cast<double>(options_.width) - half), bottom + 2 * layout_.unit,
            Align::centre);
    }
    if (is_small_) return;
    write(drawing, "sample", (layout_.left + layout_.right) / 2, bottom + 4.2 * layout_.unit, Align::centre);
  }

  std::vector<SignalCurve> curves_;
  int64_t channels_;
  const SignalOptions& options_;
  HeatColours colours_;
  bool is_small_;
  Axis time_;
  std::vector<Axis> values_;  // one per curve
  SignalLayout layout_;
};

}  // namespace

Image signal_picture(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options) {
  std::vector<SignalCurve> curves = curves_of(signal, map, options);
  return SignalFigure(std::move(curves), signal.size(0), options).picture();
}

}  // namespace attune
