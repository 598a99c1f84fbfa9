#include "render/figure.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "image/mat.h"

namespace attune {
namespace {

constexpr std::array<ink::Colour, 10> kColours = {{{78, 121, 167},
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

cv::Scalar scalar_of(const ink::Colour& colour) { return {double(colour[0]), double(colour[1]), double(colour[2])}; }

cv::Point fixed(const Spot& spot) {
  return {static_cast<int>(std::lround(spot.x * (1 << kShift))), static_cast<int>(std::lround(spot.y * (1 << kShift)))};
}

}  // namespace

ink::Colour ink::of_curve(size_t i) { return kColours[i % kColours.size()]; }

Pen::Pen(Image& image, const ink::Colour& colour, double thickness, bool dashed)
    : canvas_(view(image)),
      colour_(scalar_of(colour)),
      thickness_(std::max(1, static_cast<int>(std::lround(thickness)))),
      dash_(dashed ? 6.0 * thickness_ : 0) {}

Pen::Pen(Image& image, size_t curve, bool bold)
    : Pen(image, ink::of_curve(curve), bold ? 4 : 2, curve >= kColours.size()) {}

void Pen::dot(const Spot& at) {
  cv::circle(canvas_, fixed(at), (thickness_ + 1) << kShift, colour_, cv::FILLED, cv::LINE_AA, kShift);
}

void Pen::line(const Spot& from, const Spot& to) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  if (dash_ == 0 || length == 0) return stroke(from, to);
  const auto at = [&](double d) {
    return Spot{from.x + (to.x - from.x) * d / length, from.y + (to.y - from.y) * d / length};
  };
  for (double d = 0; d < length;) {  // pen down in the first half of every dash
    const double phase = std::fmod(travelled_ + d, dash_), end = phase < 0.5 * dash_ ? 0.5 * dash_ : dash_;
    const double next = std::min(length, d + std::max(end - phase, 0.01));
    if (phase < 0.5 * dash_) stroke(at(d), at(next));
    d = next;
  }
  travelled_ += length;
}

void Pen::stroke(const Spot& from, const Spot& to) {
  cv::line(canvas_, fixed(from), fixed(to), colour_, thickness_, cv::LINE_AA, kShift);
}

void Figure::rule(const Spot& from, const Spot& to, const ink::Colour& colour) {
  cv::Mat canvas = view(image);
  const auto pixel = [](const Spot& spot) { return cv::Point(static_cast<int>(spot.x), static_cast<int>(spot.y)); };
  cv::line(canvas, pixel(from), pixel(to), scalar_of(colour));
}

void Figure::bar(const Spot& corner, const Spot& opposite, const ink::Colour& colour) {
  cv::Mat canvas = view(image);
  cv::rectangle(canvas, fixed(corner), fixed(opposite), scalar_of(colour), cv::FILLED, cv::LINE_AA, kShift);
}

void Figure::write(const std::string& text, double at, double baseline, double width, const TextStyle& style) {
  draw_text(image, elide(text, width, style), at, baseline, style);
}

void Figure::write_centred(const std::string& text, double at, double baseline, double width) {
  const std::string shown = elide(text, width, style());
  draw_text(image, shown, at - text_width(shown, style()) / 2, baseline, style());
}

void Figure::draw_axes() {
  for (const double tick : y.ticks()) {
    const std::string text = y.text(tick);
    rule({left, row(tick)}, {right, row(tick)}, ink::grid);
    draw_text(image, text, left - unit - text_width(text, style()), row(tick) + unit / 2, style());
  }
  rule({left, top}, {left, bottom}, ink::line);
  rule({left, bottom}, {right, bottom}, ink::line);
}

void Figure::draw_ticks(bool numbers) {
  for (const double tick : x.ticks()) {
    rule({column(tick), bottom}, {column(tick), bottom + unit / 2}, ink::line);
    if (numbers) write_centred(x.text(tick), column(tick), bottom + 2.2 * unit, 8 * unit);
  }
}

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

}  // namespace attune
