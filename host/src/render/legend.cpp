#include "render/legend.h"

#include <ATen/ops/arange.h>
#include <algorithm>
#include <cmath>

#include "image/mat.h"
#include "render/colormap.h"
#include "render/text.h"

namespace attune {
namespace {

constexpr int64_t kNarrowest = 224;  // of a picture with a legend, in pixels
constexpr int64_t kTallest = 1024;   // up to which narrow pictures are enlarged
constexpr std::array<uint8_t, 3> kBackground = {24, 24, 27};
constexpr std::array<uint8_t, 3> kText = {250, 250, 250};
constexpr std::array<uint8_t, 3> kQuiet = {180, 180, 188};

cv::Scalar scalar(const std::array<uint8_t, 3>& colour) {
  return {double(colour[0]), double(colour[1]), double(colour[2])};
}

Image enlarged(const Image& picture) {
  const auto height = static_cast<double>(picture.size(0)), width = static_cast<double>(picture.size(1));
  const double factor = std::min(kNarrowest / width, std::max(kTallest / height, 1.0));
  if (factor <= 1) return picture;
  return resize(picture, std::max<int64_t>(std::lround(height * factor), 1),
                std::max<int64_t>(std::lround(width * factor), 1));
}

void paste(Image& canvas, const Image& picture, int64_t top, int64_t left) {
  canvas.narrow(0, top, picture.size(0)).narrow(1, left, picture.size(1)).copy_(picture);
}

struct Layout {
  double width;
  double unit;  // height of a capital letter
  double top;   // of the strip

  double margin() const { return unit; }
  double line(int i) const { return top + unit * (2 + 2.1 * i); }  // baseline
  double height(bool two_lines) const { return unit * (2 + (two_lines ? 2.1 : 0) + 1.1); }
};

// A text at the right margin; gives back how much of the line is left of it.
double draw_right(Image& canvas, const std::string& text, double right, double baseline, const TextStyle& style) {
  if (text.empty()) return right;
  const std::string shown = elide(text, right - style.height, style);
  const double left = right - text_width(shown, style);
  draw_text(canvas, shown, left, baseline, style);
  return left - style.height;
}

// "low [bar] high" at the right of the second line.
double draw_bar(Image& canvas, const Legend& legend, const Layout& layout) {
  double right = layout.width - layout.margin();
  if (legend.colormap.empty()) return right;
  const TextStyle style{layout.unit * 0.8, kQuiet, false};
  const double gap = layout.unit * 0.6;
  if (!legend.high.empty()) right = draw_right(canvas, legend.high, right, layout.line(1), style) + style.height - gap;
  const auto width = static_cast<int64_t>(std::clamp(layout.width * 0.16, 4 * layout.unit, 14 * layout.unit));
  const auto height = static_cast<int64_t>(std::max(layout.unit, 4.0));
  const auto left = static_cast<int64_t>(right) - width;
  if (left < layout.margin()) return right;
  const at::Tensor ramp = at::arange(width, at::kFloat).div(static_cast<double>(width - 1)).expand({height, width});
  paste(canvas, apply(colormap(legend.colormap), ramp), std::lround(layout.line(1)) - height, left);
  if (legend.low.empty()) return static_cast<double>(left) - layout.unit;
  return draw_right(canvas, legend.low, static_cast<double>(left) - gap, layout.line(1), style);
}

}  // namespace

Image add_legend(const Image& picture, const Legend& legend) {
  require_image(picture);
  const Image shown = enlarged(picture);
  const int64_t width = std::max(shown.size(1), kNarrowest);
  const double size = std::sqrt(static_cast<double>(shown.size(0)) * static_cast<double>(width));
  Layout layout{static_cast<double>(width), std::clamp(0.021 * size, 9.0, static_cast<double>(width) / 24),
                static_cast<double>(shown.size(0))};
  const bool labelled = !legend.label.empty() || !legend.score.empty();
  const auto strip = std::lround(layout.height(labelled || !legend.colormap.empty()));
  Image canvas = filled(shown.size(0) + strip, width, scalar(kBackground));
  paste(canvas, shown, 0, (width - shown.size(1)) / 2);

  const TextStyle large{layout.unit, kText, true}, quiet{layout.unit * 0.9, labelled ? kQuiet : kText, false};
  const double margin = layout.margin();
  const double first_end = draw_right(canvas, legend.score, layout.width - margin, layout.line(0), large);
  const std::string heading = labelled ? legend.label : legend.method;
  draw_text(canvas, elide(heading, first_end - margin, large), margin, layout.line(0), large);
  const double second_end = draw_bar(canvas, legend, layout);
  if (labelled) draw_text(canvas, elide(legend.method, second_end - margin, quiet), margin, layout.line(1), quiet);
  return canvas;
}

}  // namespace attune
