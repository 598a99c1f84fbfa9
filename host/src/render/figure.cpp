#include "render/figure.h"

#include <array>

namespace attune {
namespace {

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

}  // namespace

Colour ink::of_curve(size_t i) { return kColours[i % kColours.size()]; }

Stroke stroke_of_curve(size_t i, bool bold) { return {ink::of_curve(i), bold ? 4.0 : 2.0, i >= kColours.size()}; }

void Figure::draw_axes() const {
  for (const double tick : y.ticks()) {
    drawing.rule({left, row(tick)}, {right, row(tick)}, ink::grid);
    drawing.text(y.text(tick), {left - unit, row(tick) + unit / 2, left - unit, Align::right}, style());
  }
  drawing.rule({left, top}, {left, bottom}, ink::line);
  drawing.rule({left, bottom}, {right, bottom}, ink::line);
}

void Figure::draw_ticks(bool numbers) const {
  for (const double tick : x.ticks()) {
    drawing.rule({column(tick), bottom}, {column(tick), bottom + unit / 2}, ink::line);
    if (numbers) drawing.text(x.text(tick), {column(tick), bottom + 2.2 * unit, 8 * unit, Align::centre}, style());
  }
}

}  // namespace attune
