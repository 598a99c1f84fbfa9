#include "render/tiles.h"

#include <algorithm>
#include <numeric>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/text.h"

namespace attune {
namespace {

constexpr int64_t kTileGap = 4;
constexpr Colour kCaption = {24, 24, 27};

// Of the words at pictures of such a width.
TextStyle words(int64_t width, bool bold) {
  return {std::clamp(static_cast<double>(width) / 14, 7.0, 12.0), kCaption, bold};
}

int64_t line_of(const TextStyle& style) { return static_cast<int64_t>(2.2 * style.height); }

void draw_caption(Image& canvas, const Tile& tile, int64_t top, int64_t left, int64_t width) {
  const TextStyle style = words(width, tile.bold);
  const double room = static_cast<double>(width), middle = static_cast<double>(left) + room / 2;
  draw_text(canvas, tile.caption, {middle, static_cast<double>(top) + 1.6 * style.height, room, Align::centre}, style);
}

}  // namespace

Image tiled(const std::vector<Tile>& tiles, int64_t columns) {
  if (tiles.empty() || columns < 1) throw Error(Fault::run, "there is no picture to show");
  const auto count = static_cast<int64_t>(tiles.size());
  columns = std::min(columns, count);
  std::vector<int64_t> heights(static_cast<size_t>((count + columns - 1) / columns));  // of rows
  int64_t width = 0;
  bool captioned = false;
  for (int64_t i = 0; i < count; ++i) {
    const Tile& tile = tiles[static_cast<size_t>(i)];
    require_image(tile.picture);
    int64_t& height = heights[static_cast<size_t>(i / columns)];
    height = std::max(height, tile.picture.size(0));
    width = std::max(width, tile.picture.size(1));
    captioned = captioned || !tile.caption.empty();
  }
  const int64_t line = captioned ? line_of(words(width, false)) : 0, pitch = width + kTileGap;
  const auto rows = static_cast<int64_t>(heights.size());
  const int64_t all = std::accumulate(heights.begin(), heights.end(), rows * (line + kTileGap) - kTileGap);
  Image canvas = filled(all, columns * pitch - kTileGap, {255, 255, 255});
  int64_t top = 0;
  for (int64_t i = 0; i < count; ++i) {
    const Tile& tile = tiles[static_cast<size_t>(i)];
    const int64_t left = i % columns * pitch, height = heights[static_cast<size_t>(i / columns)];
    canvas.narrow(0, top, tile.picture.size(0)).narrow(1, left, tile.picture.size(1)).copy_(tile.picture);
    draw_caption(canvas, tile, top + height, left, width);
    if ((i + 1) % columns == 0) top += height + line + kTileGap;
  }
  return canvas;
}

int64_t even_columns(int64_t tiles, int64_t most) {
  const int64_t rows = (tiles + most - 1) / most;
  return (tiles + rows - 1) / rows;
}

Image stacked(const std::vector<Section>& sections) {
  if (sections.empty()) throw Error(Fault::run, "there is no picture to show");
  int64_t width = 0, height = 0;
  for (const Section& section : sections) width = std::max(width, section.picture.size(1));
  const TextStyle style = words(width, true);
  const int64_t line = line_of(style) + kTileGap;
  for (const Section& section : sections) height += line + section.picture.size(0) + kTileGap;
  Image canvas = filled(height, width, {255, 255, 255});
  int64_t top = 0;
  for (const Section& section : sections) {
    const double baseline = static_cast<double>(top + line) - 0.8 * style.height;
    draw_text(canvas, section.heading, {kTileGap, baseline, static_cast<double>(width - 2 * kTileGap)}, style);
    canvas.narrow(0, top + line, section.picture.size(0)).narrow(1, 0, section.picture.size(1)).copy_(section.picture);
    top += line + section.picture.size(0) + kTileGap;
  }
  return canvas;
}

}  // namespace attune
