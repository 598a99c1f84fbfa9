#include "render/contact_sheet.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/text.h"

namespace attune {
namespace {

constexpr int64_t kWidest = 4096;  // of a page, in pixels, unless cells would become too small
constexpr int64_t kSmallestCell = 64;
constexpr std::array<uint8_t, 3> kSheetText = {24, 24, 27};
constexpr std::array<uint8_t, 3> kSheetQuiet = {110, 110, 118};

struct Page {
  int64_t cell, gap, line;  // line: height of a line of text
  int64_t columns;

  int64_t left(int64_t column) const { return gap + column * (cell + gap); }
  int64_t first_row() const { return 2 * gap + line; }
  // Of a row: its title, its pictures, and the distance to the next.
  int64_t pitch(int64_t pictures) const { return line + pictures + 2 * gap; }
  TextStyle style() const { return {static_cast<double>(line) * 0.5, kSheetText, true}; }
};

Page lay_out(int64_t columns, const SheetOptions& options) {
  const int64_t affordable = std::max(kWidest / columns, kSmallestCell);
  Page page{};
  page.cell = std::min(std::max(options.cell, kSmallestCell), affordable);
  page.gap = std::max<int64_t>(page.cell / 20, 4);
  page.line = std::max<int64_t>(page.cell / 11, 16);
  page.columns = columns;
  return page;
}

// As large as fits a square cell.
std::array<int64_t, 2> fitted_size(const Image& picture, int64_t cell) {
  require_image(picture);
  const auto height = static_cast<double>(picture.size(0)), width = static_cast<double>(picture.size(1));
  const double factor = static_cast<double>(cell) / std::max(height, width);
  const auto side = [&](double length) { return std::clamp<int64_t>(std::lround(length * factor), 1, cell); };
  return {side(height), side(width)};
}

// Of the tallest picture of a row, so that rows of landscapes do not gape.
int64_t pictures_height(const SheetRow& row, int64_t cell) {
  int64_t height = 0;
  for (const Image& picture : row.cells) {
    if (picture.defined()) height = std::max(height, fitted_size(picture, cell)[0]);
  }
  return height > 0 ? height : cell;
}

// In the middle of a cell of the given height.
void place(Image& canvas, const Image& picture, int64_t top, int64_t left, int64_t cell, int64_t height) {
  const auto [rows, columns] = fitted_size(picture, cell);
  canvas.narrow(0, top + (height - rows) / 2, rows)
      .narrow(1, left + (cell - columns) / 2, columns)
      .copy_(resize(picture, rows, columns));
}

void draw_line(Image& canvas, const std::string& text, int64_t left, int64_t bottom, int64_t width,
               const TextStyle& style) {
  draw_text(canvas, elide(text, static_cast<double>(width), style), static_cast<double>(left),
            static_cast<double>(bottom) - style.height * 0.75, style);
}

Image draw_page(const std::vector<std::string>& headings, const SheetRow* rows, int64_t count, const Page& page) {
  const int64_t width = page.left(page.columns);
  int64_t height = page.first_row();
  for (int64_t row = 0; row < count; ++row) height += page.pitch(pictures_height(rows[row], page.cell));
  Image canvas = filled(height, width, {255, 255, 255});
  for (int64_t column = 0; column < page.columns; ++column) {
    draw_line(canvas, headings[static_cast<size_t>(column)], page.left(column), page.gap + page.line, page.cell,
              page.style());
  }
  TextStyle quiet = page.style();
  quiet.colour = kSheetQuiet;
  quiet.bold = false;
  int64_t top = page.first_row();
  for (int64_t row = 0; row < count; ++row) {
    const int64_t pictures = pictures_height(rows[row], page.cell);
    draw_line(canvas, rows[row].title, page.left(0), top + page.line, width - 2 * page.gap, quiet);
    for (size_t column = 0; column < rows[row].cells.size(); ++column) {
      const Image& picture = rows[row].cells[column];
      const int64_t left = page.left(static_cast<int64_t>(column));
      if (picture.defined()) place(canvas, picture, top + page.line, left, page.cell, pictures);
    }
    top += page.pitch(pictures);
  }
  return canvas;
}

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
  const Page page = lay_out(static_cast<int64_t>(headings.size()), options);
  std::vector<Image> pages;
  for (size_t first = 0; first < rows.size(); first += per_page) {
    const auto count = static_cast<int64_t>(std::min(per_page, rows.size() - first));
    pages.push_back(draw_page(headings, rows.data() + first, count, page));
  }
  return pages;
}

}  // namespace attune
