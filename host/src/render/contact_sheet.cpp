#include "render/contact_sheet.h"

#include <algorithm>
#include <numeric>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/figure.h"

namespace attune {
namespace {

constexpr int64_t kWidest = 4096;  // of a page, in pixels, unless cells would become too small
constexpr int64_t kSmallestCell = 64;
constexpr Colour kSheetQuiet = {110, 110, 118};
constexpr int64_t kGridColumns = 6;

struct Page {
  int64_t cell, gap, line;  // line: height of a line of text
  int64_t columns;
  bool has_headings;

  int64_t left(int64_t column) const { return gap + column * (cell + gap); }
  int64_t first_row() const { return has_headings ? 2 * gap + line : gap; }
  TextStyle style() const { return {static_cast<double>(line) * 0.5, ink::text, true}; }
  TextStyle quiet_style() const { return {static_cast<double>(line) * 0.5, kSheetQuiet, false}; }
};

Page lay_out(const std::vector<std::string>& headings, const SheetOptions& options) {
  const auto columns = static_cast<int64_t>(headings.size());
  const int64_t affordable = std::max(kWidest / columns, kSmallestCell);
  const int64_t cell = std::min(std::max(options.cell, kSmallestCell), affordable);
  const bool has_headings =
      std::any_of(headings.begin(), headings.end(), [](const auto& text) { return !text.empty(); });
  return {cell, std::max<int64_t>(cell / 20, 4), std::max<int64_t>(cell / 11, 16), columns, has_headings};
}

// Of what a row consists of.
struct Heights {
  int64_t title = 0;
  int64_t pictures = 0;  // the tallest, so that rows of landscapes do not gape
  int64_t lines = 0;     // under them

  int64_t all(const Page& page) const { return title + pictures + lines + 2 * page.gap; }
};

Heights heights_of(const SheetRow& row, const Page& page) {
  Heights heights{row.title.empty() ? 0 : page.line, 0, 0};
  if (row.begins) heights.title += page.gap / 2;
  for (const SheetCell& cell : row.cells) {
    if (cell.picture.defined()) heights.pictures = std::max(heights.pictures, cell.picture.size(0));
    heights.lines = std::max(heights.lines, static_cast<int64_t>(cell.lines.size()) * page.line);
  }
  if (heights.pictures == 0) heights.pictures = page.cell;
  return heights;
}

// The row with its pictures as large as fits a square cell.
SheetRow fitted(SheetRow row, int64_t cell) {
  for (SheetCell& one : row.cells) {
    if (!one.picture.defined()) continue;
    require_image(one.picture);
    const int64_t longer = std::max(one.picture.size(0), one.picture.size(1));
    one.picture = scaled(one.picture, static_cast<double>(cell) / static_cast<double>(longer));
  }
  return row;
}

void draw_line(Image& canvas, const std::string& text, int64_t x, int64_t bottom, double width, const TextStyle& style,
               Align align = Align::left) {
  const double baseline = static_cast<double>(bottom) - style.height * 0.6;
  draw_text(canvas, text, {static_cast<double>(x), baseline, width, align}, style);
}

void draw_under(Image& canvas, const SheetCell& cell, int64_t left, int64_t top, const Page& page) {
  for (const SheetLine& line : cell.lines) {
    top += page.line;
    const TextStyle style = line.bold ? page.style() : page.quiet_style();
    const auto width = static_cast<double>(page.cell);
    if (cell.centred && line.end.empty()) {
      draw_line(canvas, line.text, left + page.cell / 2, top, width, style, Align::centre);
      continue;
    }
    const double end =
        line.end.empty() ? 0 : text_width(line.end, page.quiet_style()) + static_cast<double>(page.line) / 3;
    draw_line(canvas, line.text, left, top, width - end, style);
    draw_line(canvas, line.end, left + page.cell, top, width, page.quiet_style(), Align::right);
  }
}

void draw_row(Image& canvas, const SheetRow& row, const Heights& heights, int64_t top, const Page& page) {
  draw_line(canvas, row.title, page.left(0), top + page.line, static_cast<double>(canvas.size(1) - 2 * page.gap),
            row.begins ? page.style() : page.quiet_style());
  top += heights.title;
  for (size_t column = 0; column < row.cells.size(); ++column) {
    const SheetCell& cell = row.cells[column];
    const int64_t left = page.left(static_cast<int64_t>(column));
    if (const Image& picture = cell.picture; picture.defined()) {
      paste(canvas, picture, top + (heights.pictures - picture.size(0)) / 2, left + (page.cell - picture.size(1)) / 2);
    }
    draw_under(canvas, cell, left, top + heights.pictures, page);
  }
}

Image draw_page(const std::vector<std::string>& headings, const std::vector<SheetRow>& rows, const Page& page) {
  int64_t height = page.first_row();
  for (const SheetRow& row : rows) height += heights_of(row, page).all(page);
  Image canvas = filled(height, page.left(page.columns), {255, 255, 255});
  for (int64_t column = 0; column < page.columns; ++column) {
    draw_line(canvas, headings[static_cast<size_t>(column)], page.left(column), page.gap + page.line,
              static_cast<double>(page.cell), page.style());
  }
  int64_t top = page.first_row();
  for (const SheetRow& row : rows) {
    const Heights heights = heights_of(row, page);
    draw_row(canvas, row, heights, top, page);
    top += heights.all(page);
  }
  return canvas;
}

constexpr int64_t kTileGap = 4;

// Of the words at pictures of such a width.
TextStyle words(int64_t width, bool bold) {
  return {std::clamp(static_cast<double>(width) / 14, 7.0, 12.0), ink::text, bold};
}

int64_t line_of(const TextStyle& style) { return static_cast<int64_t>(2.2 * style.height); }

}  // namespace

std::vector<Image> contact_sheets(const std::vector<std::string>& headings, const std::vector<SheetRow>& rows,
                                  const SheetOptions& options) {
  for (const SheetRow& row : rows) {
    if (row.cells.size() > headings.size()) {
      throw Error(Fault::run, "the row \"" + row.title + "\" of a contact sheet has " +
                                  std::to_string(row.cells.size()) + " pictures for " +
                                  std::to_string(headings.size()) + " columns");
    }
  }
  if (headings.empty()) return {};
  const auto per_page = static_cast<size_t>(std::max<int64_t>(options.rows_per_page, 1));
  const Page page = lay_out(headings, options);
  std::vector<Image> pages;
  for (size_t first = 0; first < rows.size(); first += per_page) {
    std::vector<SheetRow> shown;
    for (size_t row = first; row < std::min(first + per_page, rows.size()); ++row) {
      shown.push_back(fitted(rows[row], page.cell));
    }
    pages.push_back(draw_page(headings, shown, page));
  }
  return pages;
}

std::vector<Image> contact_grid(const std::vector<SheetCell>& cells, const SheetOptions& options) {
  const auto side = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(cells.size()))));
  const auto columns = static_cast<size_t>(std::clamp<int64_t>(side, 1, kGridColumns));
  std::vector<SheetRow> rows;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i % columns == 0) rows.emplace_back();
    rows.back().cells.push_back(cells[i]);
  }
  return contact_sheets(std::vector<std::string>(columns), rows, options);
}

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
    paste(canvas, tile.picture, top, left);
    const TextStyle style = words(width, tile.bold);
    const double room = static_cast<double>(width), middle = static_cast<double>(left) + room / 2;
    const double baseline = static_cast<double>(top + height) + 1.6 * style.height;
    draw_text(canvas, tile.caption, {middle, baseline, room, Align::centre}, style);
    if ((i + 1) % columns == 0) top += height + line + kTileGap;
  }
  return canvas;
}

int64_t even_columns(int64_t tiles, int64_t most) {
  const int64_t rows = (tiles + most - 1) / most;
  return (tiles + rows - 1) / rows;
}

Image below(const Image& first, const Image& second) {
  Image canvas = filled(first.size(0) + second.size(0), std::max(first.size(1), second.size(1)), {255, 255, 255});
  paste(canvas, first, 0, 0);
  paste(canvas, second, first.size(0), 0);
  return canvas;
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
    paste(canvas, section.picture, top + line, 0);
    top += line + section.picture.size(0) + kTileGap;
  }
  return canvas;
}

}  // namespace attune
