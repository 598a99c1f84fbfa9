#include "render/legend.h"

#include <ATen/ops/arange.h>

#include "image/mat.h"
#include "render/colormap.h"
#include "render/text.h"

namespace attune {
namespace {

constexpr int64_t kNarrowest = 224;  // of a picture with a legend, in pixels
constexpr int64_t kTallest = 1024;   // up to which narrow pictures are enlarged
constexpr Colour kBackground = {24, 24, 27};
constexpr Colour kText = {250, 250, 250};
constexpr Colour kQuiet = {180, 180, 188};

Image enlarged(const Image& picture) {
  const auto height = static_cast<double>(picture.size(0)), width = static_cast<double>(picture.size(1));
  const double factor = std::min(kNarrowest / width, std::max(kTallest / height, 1.0));
  return factor > 1 ? scaled(picture, factor) : picture;
}

struct Layout {
  double width;
  double unit;  // height of a capital letter
  double top;   // of the strip

  double margin() const { return unit; }
  double line(int i) const { return top + unit * (2 + 2.1 * i); }  // baseline
  double height(size_t lines) const { return unit * (1 + 2.1 * static_cast<double>(lines)); }
};

TextStyle end_style(const Layout& layout) { return {layout.unit * 0.8, kQuiet, false}; }

// "low [bar] high" at the right of the second line.
struct Bar {
  double low = 0;    // left end of the text
  double left = 0;   // of the colours
  double width = 0;  // 0: no bar
  double high = 0;
  double room = 0;  // right end of what is left of the line
};

Bar place_bar(const Legend& legend, const Layout& layout) {
  Bar bar;
  bar.room = layout.width - layout.margin();
  if (legend.colormap.empty()) return bar;
  const TextStyle style = end_style(layout);
  const double gap = layout.unit * 0.6;
  const double width = std::floor(std::clamp(layout.width * 0.16, 4 * layout.unit, 14 * layout.unit));
  bar.high = bar.room - text_width(legend.high, style);
  bar.left = std::floor(bar.high - (legend.high.empty() ? 0 : gap)) - width;
  bar.low = bar.left - (legend.low.empty() ? 0 : gap + text_width(legend.low, style));
  if (bar.low < layout.margin()) return bar;
  bar.width = width;
  bar.room = bar.low - layout.unit;
  return bar;
}

void draw_bar(Image& canvas, const Legend& legend, const Layout& layout, const Bar& bar) {
  if (bar.width == 0) return;
  const TextStyle style = end_style(layout);
  const auto width = static_cast<int64_t>(bar.width), height = static_cast<int64_t>(std::max(layout.unit, 4.0));
  const at::Tensor ramp = at::arange(width, at::kFloat).div(static_cast<double>(width - 1)).expand({height, width});
  paste(canvas, apply(colormap(legend.colormap), ramp), std::lround(layout.line(1)) - height,
        static_cast<int64_t>(bar.left));
  draw_text(canvas, legend.low, {bar.low, layout.line(1)}, style);
  draw_text(canvas, legend.high, {bar.high, layout.line(1)}, style);
}

}  // namespace

Image add_legend(const Image& picture, const Legend& legend) {
  require_image(picture);
  const Image shown = enlarged(picture);
  const int64_t width = std::max(shown.size(1), kNarrowest);
  const double size = std::sqrt(static_cast<double>(shown.size(0)) * static_cast<double>(width));
  const Layout layout{static_cast<double>(width), std::clamp(0.021 * size, 9.0, static_cast<double>(width) / 24),
                      static_cast<double>(shown.size(0))};
  const bool labelled = !legend.label.empty() || !legend.score.empty();
  const TextStyle large{layout.unit, kText, true}, quiet{layout.unit * 0.9, kQuiet, false};
  const double margin = layout.margin(), line = layout.width - 2 * margin;
  const Bar bar = place_bar(legend, layout);
  std::vector<std::string> words;  // under the heading
  if (labelled) words = wrap(legend.method, bar.room - margin, line, quiet);
  const size_t lines = 1 + std::max(words.size(), static_cast<size_t>(legend.colormap.empty() ? 0 : 1));
  Image canvas = filled(shown.size(0) + std::lround(layout.height(lines)), width,
                        {kBackground[0], kBackground[1], kBackground[2]});
  paste(canvas, shown, 0, (width - shown.size(1)) / 2);

  draw_text(canvas, legend.score, {layout.width - margin, layout.line(0), line, Align::right}, large);
  const double score = legend.score.empty() ? 0 : text_width(legend.score, large) + margin;
  draw_text(canvas, labelled ? legend.label : legend.method, {margin, layout.line(0), line - score}, large);
  draw_bar(canvas, legend, layout, bar);
  for (size_t i = 0; i < words.size(); ++i) {
    draw_text(canvas, words[i], {margin, layout.line(static_cast<int>(i) + 1)}, quiet);
  }
  return canvas;
}

}  // namespace attune
