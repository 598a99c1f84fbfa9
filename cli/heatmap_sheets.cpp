#include "heatmap_sheets.h"

#include <algorithm>
#include <cmath>

#include "progress.h"

namespace attune::cli {
namespace {

constexpr size_t most_rows = 60;
constexpr size_t most_in_grids = 240;
constexpr int64_t sheet_cell = 224;

std::string page_name(size_t page) {
  return page == 0 ? "contact_sheet.png" : "contact_sheet-" + std::to_string(page + 1) + ".png";
}

}  // namespace

Image HeatmapSheets::cell_picture(const Image& picture) {
  const auto longest = static_cast<double>(std::max(picture.size(0), picture.size(1)));
  const double scale = static_cast<double>(sheet_cell) / longest;
  if (scale >= 1) return picture;
  const auto side = [&](int64_t length) {
    return std::max<int64_t>(1, std::llround(scale * static_cast<double>(length)));
  };
  return resize(picture, side(picture.size(0)), side(picture.size(1)));
}

void HeatmapSheets::add(Row row) {
  for (const auto& [column, cell] : row.cells) {
    if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) columns_.push_back(column);
  }
  ++inputs_;
  if (rows_.size() < (is_grid() ? most_in_grids : most_rows)) rows_.push_back(std::move(row));
}

std::vector<Image> HeatmapSheets::pages() const {
  std::vector<std::string> headings{"input"};
  for (const Column& column : columns_) {
    headings.push_back(column.target.empty() ? column.name : column.name + " " + column.target);
  }
  std::vector<SheetRow> rows;
  for (const Row& row : rows_) {
    SheetRow& shown = rows.emplace_back();
    shown.title = row.title;
    shown.cells.assign(headings.size(), {});
    shown.cells[0] = {row.input, row.notes};
    for (const auto& [column, cell] : row.cells) {
      const auto place = std::find(columns_.begin(), columns_.end(), column) - columns_.begin();
      shown.cells[static_cast<size_t>(place) + 1] = cell;
    }
  }
  return contact_sheets(headings, rows, {sheet_cell, 12});
}

std::vector<Image> HeatmapSheets::grid() const {
  std::vector<SheetCell> cells;
  for (const Row& row : rows_) {
    if (row.cells.empty()) continue;
    SheetCell& cell = cells.emplace_back(row.cells[0].second);
    cell.lines.insert(cell.lines.begin(), {row.stem, ""});
    cell.lines.insert(cell.lines.end(), row.notes.begin(), row.notes.end());
  }
  return contact_grid(cells, {sheet_cell, 8});
}

void HeatmapSheets::write(const std::filesystem::path& folder) const {
  std::vector<Image> pages;
  if (is_grid() && rows_.size() > 1) pages = grid();
  if (columns_.size() > 1) pages = this->pages();
  for (size_t i = 0; i < pages.size(); ++i) write_png(folder / page_name(i), pages[i]);
  std::error_code error;
  for (size_t i = pages.size(); std::filesystem::remove(folder / page_name(i), error); ++i) {
  }
  if (pages.empty() || static_cast<int64_t>(rows_.size()) == inputs_) return;
  say("attune: note: the contact sheets show the first " + std::to_string(rows_.size()) + " of " +
      std::to_string(inputs_) + " inputs");
}

}  // namespace attune::cli
