#include "render/contact_sheet.h"

#include <algorithm>
#include <cmath>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "render/text.h"

namespace attune {
namespace {

constexpr int64_t kWidest = 4096;  // of a page, in pixels, unless cells would become too small
constexpr int64_t kSmallestCell = 64;
constexpr std::array<uint8_t, 3> kText = {24, 24, 27};
constexpr std::array<uint8_t, 3> kQuiet = {110, 110, 118};

struct Page {
  int64_t cell, gap, line;  // line: height of a line of text
  int64_t columns, rows;

  int64_t left(int64_t column) const { return gap + column * (cell + gap); }
  int64_t top(int64_t row) const { return gap + line + row * (line + cell + gap); }  // of the row's title
  TextStyle style() const { return {static_cast<double>(line) * 0.5, kText, true}; }
};

Page lay_out(int64_t columns, int64_t rows, const SheetOptions& options) {
  const int64_t affordable = std::max(kWidest / columns, kSmallestCell);
  Page page{};
  page.cell = std::min(std::max(options.cell, kSmallestCell), affordable);
  page.gap = std::max<int64_t>(page.cell / 20, 4);
  page.line = std::max<int64_t>(page.cell / 11, 16);
  page.columns = columns;
  page.rows = rows;
  return page;
}

// As large as fits the cell, in its middle.
void place(Image& canvas, const Image& picture, int64_t top, int64_t left, int64_t cell) {
  require_image(picture);
  const auto height = static_cast<double>(picture.size(0)), width = static_cast<double>(picture.size(1));
  const double factor = static_cast<double>(cell) / std::max(height, width);
  const auto side = [&](double length) { return std::clamp<int64_t>(std::lround(length * factor), 1, cell); };
  const Image fitted = resize(picture, side(height), side(width));
  canvas.narrow(0, top + (cell - fitted.size(0)) / 2, fitted.size(0))
      .narrow(1, left + (cell - fitted.size(1)) / 2, fitted.size(1))
      .copy_(fitted);
}

void draw_line(Image& canvas, const std::string& text, int64_t left, int64_t bottom, int64_t width,
               const TextStyle& style) {
  draw_text(canvas, elide(text, static_cast<double>(width), style), static_cast<double>(left),
            static_cast<double>(bottom) - style.height * 0.5, style);
}

Image draw_page(const std::vector<std::string>& headings, const SheetRow* rows, const Page& page) {
  const int64_t width = page.left(page.columns);
  Image canvas = filled(page.top(page.rows), width, {255, 255, 255});
  for (int64_t column = 0; column < page.columns; ++column) {
    draw_line(canvas, headings[static_cast<size_t>(column)], page.left(column), page.top(0), page.cell, page.style());
  }
  TextStyle quiet = page.style();
  quiet.colour = kQuiet;
  quiet.bold = false;
  for (int64_t row = 0; row < page.rows; ++row) {
    const int64_t top = page.top(row) + page.line;
    draw_line(canvas, rows[row].title, page.left(0), top, width - 2 * page.gap, quiet);
    for (size_t column = 0; column < rows[row].cells.size(); ++column) {
      const Image& picture = rows[row].cells[column];
      if (picture.defined()) place(canvas, picture, top, page.left(static_cast<int64_t>(column)), page.cell);
    }
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
  std::vector<Image> pages;
  for (size_t first = 0; first < rows.size(); first += per_page) {
    const auto count = static_cast<int64_t>(std::min(per_page, rows.size() - first));
    const Page page = lay_out(static_cast<int64_t>(headings.size()), count, options);
    pages.push_back(draw_page(headings, rows.data() + first, page));
  }
  return pages;
}

}  // namespace attune
