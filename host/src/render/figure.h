// A pair of axes in a drawing, and what is drawn and written on and around them.
#pragma once

#include <string>

#include "render/axis.h"
#include "render/drawing.h"

namespace attune {

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

  // Both axes, and the ticks of the vertical one.
  void draw_axes() const;
  // Ticks of the horizontal one, with or without their numbers.
  void draw_ticks(bool numbers) const;
};

}  // namespace attune
