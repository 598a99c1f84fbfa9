// Charts of numbers.
#pragma once

#include "render/drawing.h"

namespace attune {

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  int64_t width = 960;  // in pixels
  int64_t height = 540;
};

// What is not finite is a gap; a point without neighbours is a dot.
struct Curve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  bool bold = false;
};

// Curves over one pair of axes, with a legend when one has a name. From the eleventh curve on they are dashed, as
// colours repeat. Throws Error(Fault::run) for a curve with more values on one axis than on the other, or a chart of
// fewer than 240 x 160 pixels; so does draw_bars.
Drawing draw_curves(const std::vector<Curve>& curves, const Chart& chart = {});

// One pair of axes among several that share the horizontal one.
struct Panel {
  enum class Scale {
    fitted,       // to the values
    zero_to_one,  // whatever the values are
    logarithmic,  // to the values above 0
  };
  std::vector<Curve> curves;
  std::string y_label;
  Scale scale = Scale::fitted;
};

// Part of the horizontal axis; a line parts it from the next.
struct Span {
  double from = 0;
  double to = 0;
  std::string name;
};

// Dashed lines from top to bottom that are explained in the legend.
struct Marks {
  std::string name;
  std::vector<double> x;
};

// Panels one below the other, with spans above and marks through all of them.
Drawing draw_panels(const std::vector<Panel>& panels, const std::vector<Span>& spans, const Marks& marks,
                    const Chart& chart = {});

// One bar for each of several series.
struct BarGroup {
  std::string name;
  std::vector<double> values;  // not finite: no bar
  std::vector<double> low;     // the ends of a whisker for each; may be empty
  std::vector<double> high;
};

// Groups of bars that stand on zero, with a legend when there are several series.
Drawing draw_bars(const std::vector<std::string>& series, const std::vector<BarGroup>& groups, const Chart& chart = {});

}  // namespace attune
