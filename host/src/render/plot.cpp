#include "render/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/axis.h"
#include "render/text.h"

namespace attune {
namespace {

using Colour = std::array<uint8_t, 3>;

constexpr Colour kInk = {24, 24, 27};
constexpr Colour kFaintInk = {90, 90, 98};
constexpr Colour kGrid = {228, 228, 231};
constexpr Colour kLine = {120, 120, 128};
// Tableau's ten, told apart by most people.
constexpr std::array<Colour, 10> kColours = {{{78, 121, 167},
                                              {242, 142, 43},
                                              {225, 87, 89},
                                              {118, 183, 178},
                                              {89, 161, 79},
                                              {237, 201, 72},
                                              {176, 122, 161},
                                              {255, 157, 167},
                                              {156, 117, 95},
                                              {140, 140, 140}}};
constexpr int kShift = 4;  // OpenCV's fractions of a pixel, in bits

cv::Scalar ink(const Colour& colour) { return {double(colour[0]), double(colour[1]), double(colour[2])}; }

struct Point {
  double x, y;
};

cv::Point fixed(const Point& point) {
  return {static_cast<int>(std::lround(point.x * (1 << kShift))),
          static_cast<int>(std::lround(point.y * (1 << kShift)))};
}

// A pen of one colour that draws dashes or a whole line.
class Pen {
 public:
  Pen(Image& image, size_t index, double thickness)
      : canvas_(view(image)),
        colour_(ink(kColours[index % kColours.size()])),
        thickness_(std::max(1, static_cast<int>(std::lround(thickness)))),
        dash_(index < kColours.size() ? 0 : 6.0 * thickness_) {}

  void dot(const Point& at) {
    cv::circle(canvas_, fixed(at), (thickness_ + 1) << kShift, colour_, cv::FILLED, cv::LINE_AA, kShift);
  }

  void line(const Point& from, const Point& to) {
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    if (dash_ == 0 || length == 0) return stroke(from, to);
    const auto at = [&](double d) {
      return Point{from.x + (to.x - from.x) * d / length, from.y + (to.y - from.y) * d / length};
    };
    for (double d = 0; d < length;) {  // pen down in the first half of every dash
      const double phase = std::fmod(travelled_ + d, dash_), end = phase < 0.5 * dash_ ? 0.5 * dash_ : dash_;
      const double next = std::min(length, d + std::max(end - phase, 0.01));
      if (phase < 0.5 * dash_) stroke(at(d), at(next));
      d = next;
    }
    travelled_ += length;
  }

 private:
  void stroke(const Point& from, const Point& to) {
    cv::line(canvas_, fixed(from), fixed(to), colour_, thickness_, cv::LINE_AA, kShift);
  }

  cv::Mat canvas_;
  cv::Scalar colour_;
  int thickness_;
  double dash_;  // length of dash and gap; 0: a whole line
  double travelled_ = 0;
};

// The canvas, and the rectangle in it that the axes span.
struct Figure {
  Image image;
  double unit = 10;  // height of a capital letter
  double left = 0, top = 0, right = 0, bottom = 0;
  Axis x, y;

  double column(double value) const { return left + x.share(value) * (right - left); }
  double row(double value) const { return bottom - y.share(value) * (bottom - top); }
  TextStyle style(const Colour& colour = kFaintInk) const { return {unit, colour, false}; }
};

void rule(Figure& figure, const Point& from, const Point& to, const Colour& colour) {
  cv::Mat canvas = view(figure.image);
  const auto pixel = [](const Point& p) { return cv::Point(static_cast<int>(p.x), static_cast<int>(p.y)); };
  cv::line(canvas, pixel(from), pixel(to), ink(colour));
}

void write(Figure& figure, const std::string& text, double x, double baseline, double width, const TextStyle& style) {
  draw_text(figure.image, elide(text, width, style), x, baseline, style);
}

void write_centred(Figure& figure, const std::string& text, double x, double baseline, double width) {
  const std::string shown = elide(text, width, figure.style());
  draw_text(figure.image, shown, x - text_width(shown, figure.style()) / 2, baseline, figure.style());
}

// On as many lines as words need.
std::vector<std::string> folded(const std::string& text, double width, const TextStyle& style) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::string longer = lines.empty() ? word : lines.back() + ' ' + word;
    if (lines.empty() || text_width(longer, style) > width) {
      lines.push_back(word);
    } else {
      lines.back() = longer;
    }
  }
  return lines;
}

// Room for the texts around the axes.
Figure lay_out(const Chart& chart, const std::vector<std::string>& names, const Axis& x, const Axis& y) {
  if (chart.width < 240 || chart.height < 160) {
    throw Error(Fault::run, "a chart needs at least 240 x 160 pixels, not " + std::to_string(chart.width) + " x " +
                                std::to_string(chart.height));
  }
  const auto width = static_cast<double>(chart.width), height = static_cast<double>(chart.height);
  Figure figure;
  figure.image = filled(chart.height, chart.width, {255, 255, 255});
  figure.unit = std::clamp(width / 90, 7.0, 16.0);
  const double unit = figure.unit;
  double ticks = 0, legend = 0;
  for (const double tick : y.ticks()) ticks = std::max(ticks, text_width(y.text(tick), figure.style()));
  for (const std::string& name : names) legend = std::max(legend, text_width(name, figure.style()) + 5 * unit);
  figure.x = x;
  figure.y = y;
  figure.left = std::min(ticks, width / 4) + 2.5 * unit;
  figure.right = width - (names.empty() ? 2 * unit : std::min(legend + 3 * unit, 0.38 * width));
  figure.top = unit * ((chart.title.empty() ? 1 : 4.2) + (chart.y_label.empty() ? 1 : 2.5));
  figure.bottom = height - unit * (chart.x_label.empty() ? 3.5 : 6);
  return figure;
}

void draw_frame(Figure& figure, const Chart& chart) {
  const double unit = figure.unit;
  for (const double tick : figure.y.ticks()) {
    const double row = figure.row(tick);
    const std::string text = figure.y.text(tick);
    rule(figure, {figure.left, row}, {figure.right, row}, kGrid);
    draw_text(figure.image, text, figure.left - unit - text_width(text, figure.style()), row + unit / 2,
              figure.style());
  }
  rule(figure, {figure.left, figure.top}, {figure.left, figure.bottom}, kLine);
  rule(figure, {figure.left, figure.bottom}, {figure.right, figure.bottom}, kLine);
  const double width = static_cast<double>(figure.image.size(1)) - 2 * unit;
  TextStyle title = figure.style(kInk);
  title.height *= 1.25;
  title.bold = true;
  write(figure, chart.title, unit, unit * 3, width, title);
  write(figure, chart.y_label, unit, figure.top - 1.5 * unit, width, figure.style());
  write_centred(figure, chart.x_label, (figure.left + figure.right) / 2, figure.bottom + 5 * unit,
                figure.right - figure.left);
}

void draw_legend(Figure& figure, const std::vector<std::string>& names, const std::vector<bool>& bold) {
  const double unit = figure.unit;
  const double space = static_cast<double>(figure.image.size(0)) - figure.top;
  const double pitch = std::min(2.2 * unit, space / static_cast<double>(std::max<size_t>(names.size(), 1)));
  for (size_t i = 0; i < names.size(); ++i) {
    const double left = figure.right + 2 * unit, middle = figure.top + pitch * (static_cast<double>(i) + 0.5);
    Pen(figure.image, i, bold[i] ? 4 : 2).line({left, middle}, {left + 3 * unit, middle});
    write(figure, names[i], left + 4 * unit, middle + unit / 2,
          static_cast<double>(figure.image.size(1)) - left - 5 * unit, figure.style(kInk));
  }
}

void draw_curve(Figure& figure, const Curve& curve, size_t index) {
  Pen pen(figure.image, index, curve.bold ? 4 : 2);
  const auto shown = [&](size_t i) { return i < curve.x.size() && is_drawable(curve.x[i]) && is_drawable(curve.y[i]); };
  const auto at = [&](size_t i) { return Point{figure.column(curve.x[i]), figure.row(curve.y[i])}; };
  for (size_t i = 0; i < curve.x.size(); ++i) {
    if (!shown(i)) continue;
    if (shown(i + 1)) {
      pen.line(at(i), at(i + 1));
    } else if (i == 0 || !shown(i - 1)) {
      pen.dot(at(i));
    }
  }
}

bool any_name(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const std::string& name) { return !name.empty(); });
}

void require_as_many(const std::string& what, size_t have, size_t want) {
  if (have == want) return;
  throw Error(Fault::run, what + " of a chart has " + std::to_string(have) + " values, not " + std::to_string(want));
}

void draw_group(Figure& figure, const BarGroup& group, double centre, double bar) {
  cv::Mat canvas = view(figure.image);
  const auto count = static_cast<double>(group.values.size());
  for (size_t i = 0; i < group.values.size(); ++i) {
    if (!is_drawable(group.values[i])) continue;
    const double left = centre + bar * (static_cast<double>(i) - count / 2), right = left + bar * 0.9;
    cv::rectangle(canvas, fixed({left, figure.row(0)}), fixed({right, figure.row(group.values[i])}),
                  ink(kColours[i % kColours.size()]), cv::FILLED, cv::LINE_AA, kShift);
    if (group.low.empty() || group.high.empty() || !is_drawable(group.low[i]) || !is_drawable(group.high[i])) continue;
    const double middle = (left + right) / 2;
    rule(figure, {middle, figure.row(group.low[i])}, {middle, figure.row(group.high[i])}, kInk);
    for (const double end : {group.low[i], group.high[i]}) {
      rule(figure, {middle - bar / 5, figure.row(end)}, {middle + bar / 5, figure.row(end)}, kInk);
    }
  }
}

}  // namespace

Image draw_curves(const std::vector<Curve>& curves, const Chart& chart) {
  prepare_opencv();
  std::vector<std::string> names;
  std::vector<bool> bold;
  std::vector<double> x, y;
  for (const Curve& curve : curves) {
    require_as_many("the curve \"" + curve.name + "\"", curve.y.size(), curve.x.size());
    names.push_back(curve.name);
    bold.push_back(curve.bold);
    for (size_t i = 0; i < curve.x.size(); ++i) {
      if (!is_drawable(curve.x[i]) || !is_drawable(curve.y[i])) continue;
      x.push_back(curve.x[i]);
      y.push_back(curve.y[i]);
    }
  }
  if (!any_name(names)) names.clear();
  Figure figure = lay_out(chart, names, axis_of(x, 8), widened(axis_of(y, 6)));
  draw_frame(figure, chart);
  for (const double tick : figure.x.ticks()) {
    rule(figure, {figure.column(tick), figure.bottom}, {figure.column(tick), figure.bottom + figure.unit / 2}, kLine);
    write_centred(figure, figure.x.text(tick), figure.column(tick), figure.bottom + 2.2 * figure.unit, 8 * figure.unit);
  }
  for (size_t i = 0; i < curves.size(); ++i) draw_curve(figure, curves[i], i);
  draw_legend(figure, names, bold);
  return figure.image;
}

Image draw_bars(const std::vector<std::string>& series, const std::vector<BarGroup>& groups, const Chart& chart) {
  prepare_opencv();
  std::vector<double> values = {0};
  for (const BarGroup& group : groups) {
    require_as_many("the group \"" + group.name + "\"", group.values.size(), series.size());
    for (const auto* ends : {&group.low, &group.high}) {
      if (!ends->empty()) require_as_many("the group \"" + group.name + "\"", ends->size(), series.size());
      values.insert(values.end(), ends->begin(), ends->end());
    }
    values.insert(values.end(), group.values.begin(), group.values.end());
  }
  const std::vector<std::string> names = series.size() > 1 ? series : std::vector<std::string>();
  Figure figure = lay_out(chart, names, {}, widened(axis_of(values, 6)));
  const double pitch = (figure.right - figure.left) / static_cast<double>(std::max<size_t>(groups.size(), 1));
  const double room = pitch * 0.95, line = 2 * figure.unit;
  std::vector<std::vector<std::string>> labels;
  size_t most = 1;
  for (const BarGroup& group : groups) {
    labels.push_back(folded(group.name, room, figure.style()));
    most = std::max(most, labels.back().size());
  }
  figure.bottom -= line * static_cast<double>(most - 1);
  draw_frame(figure, chart);
  const double bar = 0.8 * pitch / static_cast<double>(std::max<size_t>(series.size(), 1));
  for (size_t i = 0; i < groups.size(); ++i) {
    const double centre = figure.left + pitch * (static_cast<double>(i) + 0.5);
    draw_group(figure, groups[i], centre, bar);
    for (size_t l = 0; l < labels[i].size(); ++l) {
      const double baseline = figure.bottom + 2.2 * figure.unit + line * static_cast<double>(l);
      write_centred(figure, labels[i][l], centre, baseline, room);
    }
  }
  rule(figure, {figure.left, figure.row(0)}, {figure.right, figure.row(0)}, kLine);
  draw_legend(figure, names, std::vector<bool>(names.size()));
  return figure.image;
}

}  // namespace attune
