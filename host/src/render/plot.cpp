#include "render/plot.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/figure.h"

namespace attune {
namespace {

// Texts around the axes, in heights of a capital letter.
constexpr double kTitle = 4.2, kSpanNames = 2.5, kLabel = 2.5, kNoLabel = 1, kBetween = 1.5, kNumbers = 3.5,
                 kNumbersAndLabel = 6;

double label_room(const std::string& label) { return label.empty() ? kNoLabel : kLabel; }

// A canvas with room for the texts of a chart at its sides: numbers of vertical axes, and names in a legend.
Figure lay_out(const Chart& chart, const std::vector<Axis>& y, const std::vector<std::string>& names) {
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

void write_titles(Figure& figure, const Chart& chart) {
  const double unit = figure.unit;
  TextStyle title = figure.style(ink::text);
  title.height *= 1.25;
  title.bold = true;
  figure.write(chart.title, unit, unit * 3, static_cast<double>(figure.image.size(1)) - 2 * unit, title);
  figure.write_centred(chart.x_label, (figure.left + figure.right) / 2, figure.bottom + 5 * unit,
                       figure.right - figure.left);
}

void write_label(Figure& figure, const std::string& label) {
  const double unit = figure.unit;
  figure.write(label, unit, figure.top - 1.5 * unit, figure.right - unit, figure.style());
}

struct LegendEntry {
  std::string name;
  Pen pen;
};

void draw_legend(Figure& figure, std::vector<LegendEntry> entries) {
  const double unit = figure.unit;
  const double space = figure.bottom + 2 * unit - figure.top;
  const double pitch = std::min(2.2 * unit, space / static_cast<double>(std::max<size_t>(entries.size(), 1)));
  for (size_t i = 0; i < entries.size(); ++i) {
    const double left = figure.right + 2 * unit, middle = figure.top + pitch * (static_cast<double>(i) + 0.5);
    entries[i].pen.line({left, middle}, {left + 3 * unit, middle});
    figure.write(entries[i].name, left + 4 * unit, middle + unit / 2,
                 static_cast<double>(figure.image.size(1)) - left - 5 * unit, figure.style(ink::text));
  }
}

void draw_curve(Figure& figure, const Curve& curve, size_t index) {
  Pen pen(figure.image, index, curve.bold);
  const auto shown = [&](size_t i) {
    return i < curve.x.size() && figure.x.takes(curve.x[i]) && figure.y.takes(curve.y[i]);
  };
  const auto at = [&](size_t i) { return Spot{figure.column(curve.x[i]), figure.row(curve.y[i])}; };
  for (size_t i = 0; i < curve.x.size(); ++i) {
    if (!shown(i)) continue;
    if (shown(i + 1)) {
      pen.line(at(i), at(i + 1));
    } else if (i == 0 || !shown(i - 1)) {
      pen.dot(at(i));
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

void draw_spans(Figure& figure, const std::vector<Span>& spans, bool names, double label) {
  for (size_t i = 0; i < spans.size(); ++i) {
    const double left = figure.column(spans[i].from), right = figure.column(spans[i].to);
    if (i > 0) figure.rule({left, figure.top}, {left, figure.bottom}, ink::line);
    const double baseline = figure.top - figure.unit * (label + 0.8);
    if (names) figure.write_centred(spans[i].name, (left + right) / 2, baseline, right - left - figure.unit);
  }
}

Pen mark_pen(Figure& figure) { return {figure.image, ink::text, 1, true}; }

void draw_marks(Figure& figure, const Marks& marks) {
  for (const double x : marks.x) {
    mark_pen(figure).line({figure.column(x), figure.top}, {figure.column(x), figure.bottom});
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

std::vector<LegendEntry> legend_of(Figure& figure, const std::vector<Curve>& curves) {
  std::vector<LegendEntry> entries;
  const auto is_named = [](const Curve& curve) { return !curve.name.empty(); };
  if (std::none_of(curves.begin(), curves.end(), is_named)) return entries;
  for (size_t i = 0; i < curves.size(); ++i) {
    entries.push_back({curves[i].name, Pen(figure.image, i, curves[i].bold)});
  }
  return entries;
}

void draw_group(Figure& figure, const BarGroup& group, double centre, double bar) {
  const auto count = static_cast<double>(group.values.size());
  for (size_t i = 0; i < group.values.size(); ++i) {
    if (!is_drawable(group.values[i])) continue;
    const double left = centre + bar * (static_cast<double>(i) - count / 2), right = left + bar * 0.9;
    figure.bar({left, figure.row(0)}, {right, figure.row(group.values[i])}, ink::of_curve(i));
    if (group.low.empty() || group.high.empty() || !is_drawable(group.low[i]) || !is_drawable(group.high[i])) continue;
    const double middle = (left + right) / 2;
    figure.rule({middle, figure.row(group.low[i])}, {middle, figure.row(group.high[i])}, ink::text);
    for (const double end : {group.low[i], group.high[i]}) {
      figure.rule({middle - bar / 5, figure.row(end)}, {middle + bar / 5, figure.row(end)}, ink::text);
    }
  }
}

}  // namespace

Image draw_panels(const std::vector<Panel>& panels, const std::vector<Span>& spans, const Marks& marks,
                  const Chart& chart) {
  prepare_opencv();
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
  Figure all = lay_out(chart, y, names);
  all.x = axis_of(x, 8);
  if (!spans.empty()) all.top += kSpanNames * all.unit;
  write_titles(all, chart);
  for (size_t i = 0; i < panels.size(); ++i) {
    const Panel& panel = panels[i];
    Figure figure = figure_of(all, panels, i, y[i]);
    figure.draw_axes();
    write_label(figure, panel.y_label);
    figure.draw_ticks(/*numbers=*/i + 1 == panels.size());
    draw_spans(figure, spans, /*names=*/i == 0, label_room(panel.y_label));
    draw_marks(figure, marks);
    for (size_t c = 0; c < panel.curves.size(); ++c) draw_curve(figure, panel.curves[c], c);
    std::vector<LegendEntry> legend = legend_of(figure, panel.curves);
    if (i == 0 && !marks.x.empty()) legend.push_back({marks.name, mark_pen(figure)});
    draw_legend(figure, std::move(legend));
  }
  return all.image;
}

Image draw_curves(const std::vector<Curve>& curves, const Chart& chart) {
  return draw_panels({{curves, chart.y_label, Panel::Scale::fitted}}, {}, {}, chart);
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
  const Axis y = widened(axis_of(values, 6));
  Figure figure = lay_out(chart, {y}, names);
  figure.y = y;
  figure.top += label_room(chart.y_label) * figure.unit;
  const double pitch = (figure.right - figure.left) / static_cast<double>(std::max<size_t>(groups.size(), 1));
  const double room = pitch * 0.95, line = 2 * figure.unit;
  std::vector<std::vector<std::string>> labels;
  size_t most = 1;
  for (const BarGroup& group : groups) {
    labels.push_back(folded(group.name, room, figure.style()));
    most = std::max(most, labels.back().size());
  }
  figure.bottom -= line * static_cast<double>(most - 1);
  write_titles(figure, chart);
  write_label(figure, chart.y_label);
  figure.draw_axes();
  const double bar = 0.8 * pitch / static_cast<double>(std::max<size_t>(series.size(), 1));
  for (size_t i = 0; i < groups.size(); ++i) {
    const double centre = figure.left + pitch * (static_cast<double>(i) + 0.5);
    draw_group(figure, groups[i], centre, bar);
    for (size_t l = 0; l < labels[i].size(); ++l) {
      const double baseline = figure.bottom + 2.2 * figure.unit + line * static_cast<double>(l);
      figure.write_centred(labels[i][l], centre, baseline, room);
    }
  }
  figure.rule({figure.left, figure.row(0)}, {figure.right, figure.row(0)}, ink::line);
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < names.size(); ++i) legend.push_back({names[i], Pen(figure.image, i, false)});
  draw_legend(figure, std::move(legend));
  return figure.image;
}

}  // namespace attune
