// A pair of axes on a canvas, and what is drawn and written on and around them.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "image/image.h"
#include "render/axis.h"
#include "render/text.h"

namespace attune {

namespace ink {

using Colour = std::array<uint8_t, 3>;

constexpr Colour text = {24, 24, 27};
constexpr Colour quiet = {90, 90, 98};
constexpr Colour grid = {228, 228, 231};
constexpr Colour line = {120, 120, 128};

// The i-th of Tableau's ten, told apart by most people; they repeat.
Colour of_curve(size_t i);

}  // namespace ink

// In pixels.
struct Spot {
  double x, y;
};

// Draws a whole line, or dashes whose pattern goes on from one line to the next.
class Pen {
 public:
  Pen(Image& image, const ink::Colour& colour, double thickness, bool dashed);
  // Of the i-th curve, dashed when its colour has been used before.
  Pen(Image& image, size_t curve, bool bold);

  void dot(const Spot& at);
  void line(const Spot& from, const Spot& to);

 private:
  void stroke(const Spot& from, const Spot& to);

  cv::Mat canvas_;
  cv::Scalar colour_;
  int thickness_;
  double dash_;  // length of dash and gap; 0: a whole line
  double travelled_ = 0;
};

// The rectangle that the axes span. Copies draw on the same canvas.
struct Figure {
  Image image;
  double unit = 10;  // height of a capital letter
  double left = 0, top = 0, right = 0, bottom = 0;
  Axis x, y;

  double column(double value) const { return left + x.share(value) * (right - left); }
  double row(double value) const { return bottom - y.share(value) * (bottom - top); }
  TextStyle style(const ink::Colour& colour = ink::quiet) const { return {unit, colour, false}; }

  // A thin straight line.
  void rule(const Spot& from, const Spot& to, const ink::Colour& colour);
  void bar(const Spot& corner, const Spot& opposite, const ink::Colour& colour);
  // On one line, cut where it is longer than `width`.
  void write(const std::string& text, double x, double baseline, double width, const TextStyle& style);
  void write_centred(const std::string& text, double x, double baseline, double width);
  // Both axes, and the ticks of the vertical one.
  void draw_axes();
  // Ticks of the horizontal one, with or without their numbers.
  void draw_ticks(bool numbers);
};

// On as many lines as words need.
std::vector<std::string> folded(const std::string& text, double width, const TextStyle& style);

}  // namespace attune
