// Which part of the numbers a chart shows, and where its ticks are.
#pragma once

#include <string>
#include <vector>

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

}  // namespace attune
