// A pair of axes in a drawing, and what is drawn and written on and around them.
#pragma once

#include "render/drawing.h"

namespace attune {

struct Axis {
  double low = 0;
  double high = 1;
  double step = 0.2;         // between ticks: 1, 2 or 5 times a power of ten
  bool logarithmic = false;  // ticks are powers of ten, and `step` is of their exponents

  // 0 to 1 from low to high.
  double share(double value) const;
  // Whether it can be drawn here.
  bool takes(double value) const;
  std::vector<double> ticks() const;
  // With as many digits as tell ticks apart.
  std::string text(double tick) const;
};

// True for numbers that can be drawn: finite, and not so large that their differences are not.
bool is_drawable(double value);

// From the least to the greatest of the values that can be drawn, about `count` ticks. Equal values get some room
// around them; no values give 0 to 1.
Axis axis_of(const std::vector<double>& values, int count);

// The same, widened to whole ticks.
Axis widened(Axis axis);

// Powers of ten around the values that are greater than 0.
Axis logarithmic_axis_of(const std::vector<double>& values);

namespace ink {

constexpr Colour text = {24, 24, 27};
constexpr Colour quiet = {90, 90, 98};
constexpr Colour grid = {228, 228, 231};
constexpr Colour line = {120, 120, 128};

// The i-th of Tableau's ten, told apart by most people; they repeat.
Colour of_curve(size_t i);

}  // namespace ink

// Of the i-th curve, dashed when its colour has been used before.
Stroke stroke_of_curve(size_t i, bool bold);

// The rectangle that the axes span. Copies are of the same drawing.
struct Figure {
  Drawing& drawing;
  double unit = 10;  // height of a capital letter
  double left = 0, top = 0, right = 0, bottom = 0;
  Axis x = {}, y = {};

  double column(double value) const { return left + x.share(value) * (right - left); }
  double row(double value) const { return bottom - y.share(value) * (bottom - top); }
  TextStyle style(const Colour& colour = ink::quiet) const { return {unit, colour, false}; }

  // Ticks of the vertical axis, with lines across.
  void draw_grid() const;
  // These, and both axes.
  void draw_axes() const;
  // Ticks of the horizontal one, with or without their numbers.
  void draw_ticks(bool numbers) const;
};

}  // namespace attune
