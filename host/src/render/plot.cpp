#include "render/plot.h"

#include <algorithm>
#include <utility>

#include <attune/sdk/error.h>

#include "render/figure.h"

namespace attune {
namespace {

// Texts around the axes, in heights of a capital letter.
constexpr double kTitle = 4.2, kSpanNames = 2.5, kLabel = 2.5, kNoLabel = 1, kBetween = 1.5, kNumbers = 3.5,
                 kNumbersAndLabel = 6;

double label_room(const std::string& label) { return label.empty() ? kNoLabel : kLabel; }

Drawing empty_drawing(const Chart& chart) {
  if (chart.width < 240 || chart.height < 160) {
    throw Error(Fault::run, "a chart needs at least 240 x 160 pixels, not " + std::to_string(chart.width) + " x " +
                                std::to_string(chart.height));
  }
  return {chart.height, chart.width};
}

// With room for the texts of a chart at its sides: numbers of vertical axes, and names in a legend.
Figure lay_out(Drawing& drawing, const Chart& chart, const std::vector<Axis>& y,
               const std::vector<std::string>& names) {
  const auto width = static_cast<double>(chart.width), height = static_cast<double>(chart.height);
  Figure figure{drawing};
  figure.unit = std::clamp(width / 90, 7.0, 16.0);
  const double unit = figure.unit;
  double ticks = 0, legend = 0;
  for (const Axis& axis : y) {
    for (const double tick : axis.ticks()) ticks = std::max(ticks, text_width(axis.text(tick), figure.style()));
  }
  for (const std::string& name : names) legend = std::max(legend, text_width(name, figure.style()) + 5 * unit);
  figure.left = std::min(ticks, width / 4) + 2.5 * unit;
  figure.right = width - (names.empty() ? 2 * unit : std::min(legend + 3 * unit, 0.38 * width));
  figure.top = unit * (chart.title.empty() ? 1 : kTitle);
  figure.bottom = height - unit * (chart.x_label.empty() ? kNumbers : kNumbersAndLabel);
  return figure;
}

void write_titles(const Figure& figure, const Chart& chart) {
  const double unit = figure.unit, width = static_cast<double>(chart.width) - 2 * unit;
  figure.drawing.text(chart.title, {unit, unit * 3, width}, {1.25 * unit, ink::text, true});
  figure.drawing.text(
      chart.x_label,
      {(figure.left + figure.right) / 2, figure.bottom + 5 * unit, figure.right - figure.left, Align::centre},
      figure.style());
}

void write_label(const Figure& figure, const std::string& label) {
  const double unit = figure.unit;
  figure.drawing.text(label, {unit, figure.top - 1.5 * unit, figure.right - unit}, figure.style());
}

// Names with what they name.
using Entries = std::vector<std::pair<std::string, Stroke>>;

void draw_legend(const Figure& figure, const Entries& entries) {
  const double unit = figure.unit;
  const double space = figure.bottom + 2 * unit - figure.top;
  const double pitch = std::min(2.2 * unit, space / static_cast<double>(std::max<size_t>(entries.size(), 1)));
  const double left = figure.right + 2 * unit, room = static_cast<double>(figure.drawing.width()) - left - 5 * unit;
  for (size_t i = 0; i < entries.size(); ++i) {
    const double middle = figure.top + pitch * (static_cast<double>(i) + 0.5);
    figure.drawing.line({left, middle}, {left + 3 * unit, middle}, entries[i].second);
    figure.drawing.text(entries[i].first, {left + 4 * unit, middle + unit / 2, room}, figure.style(ink::text));
  }
}

void draw_curve(const Figure& figure, const Curve& curve, size_t index) {
  const Stroke stroke = stroke_of_curve(index, curve.bold);
  const auto shown = [&](size_t i) {
    return i < curve.x.size() && figure.x.takes(curve.x[i]) && figure.y.takes(curve.y[i]);
  };
  const auto at = [&](size_t i) { return Spot{figure.column(curve.x[i]), figure.row(curve.y[i])}; };
  for (size_t i = 0; i < curve.x.size(); ++i) {
    if (!shown(i)) continue;
    if (shown(i + 1)) {
      figure.drawing.line(at(i), at(i + 1), stroke);
    } else if (i == 0 || !shown(i - 1)) {
      figure.drawing.dot(at(i), stroke.thickness + 1, stroke.colour);
    }
  }
}

void require_as_many(const std::string& what, size_t have, size_t want) {
  if (have == want) return;
  throw Error(Fault::run, what + " of a chart has " + std::to_string(have) + " values, not " + std::to_string(want));
}

// Coordinates of all points that can be drawn.
void collect(const std::vector<Curve>& curves, std::vector<double>& x, std::vector<double>& y) {
  for (const Curve& curve : curves) {
    require_as_many("the curve \"" + curve.name + "\"", curve.y.size(), curve.x.size());
    for (size_t i = 0; i < curve.x.size(); ++i) {
      if (!is_drawable(curve.x[i]) || !is_drawable(curve.y[i])) continue;
      x.push_back(curve.x[i]);
      y.push_back(curve.y[i]);
    }
  }
}

Axis vertical_axis(Panel::Scale scale, const std::vector<double>& values, size_t panels) {
  if (scale == Panel::Scale::logarithmic) return logarithmic_axis_of(values);
  if (scale == Panel::Scale::zero_to_one) return {0, 1, 0.2};
  return widened(axis_of(values, panels > 2 ? 4 : 6));
}

void draw_spans(const Figure& figure, const std::vector<Span>& spans, bool names, double label) {
  for (size_t i = 0; i < spans.size(); ++i) {
    const double left = figure.column(spans[i].from), right = figure.column(spans[i].to);
    if (i > 0) figure.drawing.rule({left, figure.top}, {left, figure.bottom}, ink::line);
    const double baseline = figure.top - figure.unit * (label + 0.8), room = right - left - figure.unit;
    if (names) figure.drawing.text(spans[i].name, {(left + right) / 2, baseline, room, Align::centre}, figure.style());
  }
}

constexpr Stroke kMark = {ink::text, 1, true};

void draw_marks(const Figure& figure, const Marks& marks) {
  for (const double x : marks.x) {
    const double column = std::floor(figure.column(x)) + 0.5;
    figure.drawing.line({column, figure.top}, {column, figure.bottom}, kMark);
  }
}

// The i-th of `panels` in the rectangle that all share.
Figure figure_of(const Figure& all, const std::vector<Panel>& panels, size_t i, const Axis& y) {
  double texts = 0, above = 0;
  for (size_t p = 0; p < panels.size(); ++p) {
    const double room = all.unit * (label_room(panels[p].y_label) + (p > 0 ? kBetween : 0));
    texts += room;
    if (p <= i) above += room;
  }
  const double height = (all.bottom - all.top - texts) / static_cast<double>(panels.size());
  Figure figure = all;
  figure.y = y;
  figure.top = all.top + above + height * static_cast<double>(i);
  figure.bottom = figure.top + height;
  return figure;
}

Entries legend_of(const std::vector<Curve>& curves) {
  Entries entries;
  const auto is_named = [](const Curve& curve) { return !curve.name.empty(); };
  if (std::none_of(curves.begin(), curves.end(), is_named)) return entries;
  for (size_t i = 0; i < curves.size(); ++i) entries.emplace_back(curves[i].name, stroke_of_curve(i, curves[i].bold));
  return entries;
}

void draw_group(const Figure& figure, const BarGroup& group, double centre, double bar) {
  const auto count = static_cast<double>(group.values.size());
  Drawing& drawing = figure.drawing;
  for (size_t i = 0; i < group.values.size(); ++i) {
    if (!is_drawable(group.values[i])) continue;
    const double left = centre + bar * (static_cast<double>(i) - count / 2), right = left + bar * 0.9;
    drawing.area({left, figure.row(0)}, {right, figure.row(group.values[i])}, ink::of_curve(i));
    if (group.low.empty() || group.high.empty() || !is_drawable(group.low[i]) || !is_drawable(group.high[i])) continue;
    const double middle = (left + right) / 2;
    drawing.rule({middle, figure.row(group.low[i])}, {middle, figure.row(group.high[i])}, ink::text);
    for (const double end : {group.low[i], group.high[i]}) {
      drawing.rule({middle - bar / 5, figure.row(end)}, {middle + bar / 5, figure.row(end)}, ink::text);
    }
  }
}

// All that a chart of bars has to show.
std::vector<double> values_of(const std::vector<std::string>& series, const std::vector<BarGroup>& groups) {
  std::vector<double> values = {0};
  for (const BarGroup& group : groups) {
    require_as_many("the group \"" + group.name + "\"", group.values.size(), series.size());
    for (const auto* ends : {&group.low, &group.high}) {
      if (!ends->empty()) require_as_many("the group \"" + group.name + "\"", ends->size(), series.size());
      values.insert(values.end(), ends->begin(), ends->end());
    }
    values.insert(values.end(), group.values.begin(), group.values.end());
  }
  return values;
}

}  // namespace

Drawing draw_panels(const std::vector<Panel>& panels, const std::vector<Span>& spans, const Marks& marks,
                    const Chart& chart) {
  std::vector<double> x;
  std::vector<Axis> y;
  std::vector<std::string> names;
  for (const Panel& panel : panels) {
    std::vector<double> values;
    collect(panel.curves, x, values);
    y.push_back(vertical_axis(panel.scale, values, panels.size()));
    for (const Curve& curve : panel.curves) {
      if (!curve.name.empty()) names.push_back(curve.name);
    }
  }
  for (const Span& span : spans) x.insert(x.end(), {span.from, span.to});
  if (!marks.x.empty()) names.push_back(marks.name);
  Drawing drawing = empty_drawing(chart);
  Figure all = lay_out(drawing, chart, y, names);
  all.x = axis_of(x, 8);
  if (!spans.empty()) all.top += kSpanNames * all.unit;
  write_titles(all, chart);
  for (size_t i = 0; i < panels.size(); ++i) {
    const Panel& panel = panels[i];
    const Figure figure = figure_of(all, panels, i, y[i]);
    figure.draw_axes();
    write_label(figure, panel.y_label);
    figure.draw_ticks(/*numbers=*/i + 1 == panels.size());
    draw_spans(figure, spans, /*names=*/i == 0, label_room(panel.y_label));
    draw_marks(figure, marks);
    for (size_t c = 0; c < panel.curves.size(); ++c) draw_curve(figure, panel.curves[c], c);
    Entries legend = legend_of(panel.curves);
    if (i == 0 && !marks.x.empty()) legend.emplace_back(marks.name, kMark);
    draw_legend(figure, legend);
  }
  return drawing;
}

Drawing draw_curves(const std::vector<Curve>& curves, const Chart& chart) {
  return draw_panels({{curves, chart.y_label, Panel::Scale::fitted}}, {}, {}, chart);
}

Drawing draw_bars(const std::vector<std::string>& series, const std::vector<BarGroup>& groups, const Chart& chart) {
  const Axis y = widened(axis_of(values_of(series, groups), 6));
  const std::vector<std::string> shown = series.size() > 1 ? series : std::vector<std::string>();
  Drawing drawing = empty_drawing(chart);
  Figure figure = lay_out(drawing, chart, {y}, shown);
  figure.y = y;
  figure.top += label_room(chart.y_label) * figure.unit;
  const double pitch = (figure.right - figure.left) / static_cast<double>(std::max<size_t>(groups.size(), 1));
  const double room = 0.95 * pitch, line = 2 * figure.unit;
  std::vector<std::vector<std::string>> names;  // each on as many lines as it needs
  size_t most = 1;
  for (const BarGroup& group : groups) {
    names.push_back(wrap(group.name, room, room, figure.style()));
    most = std::max(most, names.back().size());
  }
  figure.bottom -= line * static_cast<double>(most - 1);
  write_titles(figure, chart);
  write_label(figure, chart.y_label);
  figure.draw_axes();
  const double bar = 0.8 * pitch / static_cast<double>(std::max<size_t>(series.size(), 1));
  for (size_t i = 0; i < groups.size(); ++i) {
    const double centre = figure.left + pitch * (static_cast<double>(i) + 0.5);
    draw_group(figure, groups[i], centre, bar);
    double baseline = figure.bottom + 2.2 * figure.unit;
    for (const std::string& words : names[i]) {
      drawing.text(words, {centre, baseline, room, Align::centre}, figure.style());
      baseline += line;
    }
  }
  drawing.rule({figure.left, figure.row(0)}, {figure.right, figure.row(0)}, ink::line);
  Entries legend;
  for (size_t i = 0; i < shown.size(); ++i) legend.emplace_back(shown[i], stroke_of_curve(i, false));
  draw_legend(figure, legend);
  return drawing;
}

}  // namespace attune
