// The sink that shows all inputs on few pages.

#include "render/contact_sheet.h"
#include "report/report.h"

namespace attune {
namespace {

constexpr size_t most_rows = 60;
constexpr size_t most_in_grids = 240;
constexpr int64_t sheet_cell = 224;

std::string page_name(size_t page) {
  return page == 0 ? "contact_sheet.png" : "contact_sheet-" + std::to_string(page + 1) + ".png";
}

// Columns are told apart by their names, as not every input needs to have all of them.
class ContactSheets final : public Sink {
 public:
  using Sink::Sink;

  void add(const SampleReport& sample) override {
    ++samples_;
    if (!sample.cell.defined()) return;
    ++inputs_;
    Row row = row_of(sample);
    for (const auto& [column, cell] : row.cells) {
      if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) columns_.push_back(column);
    }
    if (rows_.size() < (is_grid() ? most_in_grids : most_rows)) rows_.push_back(std::move(row));
  }

  // Pages of an earlier run that these do not replace go, as they would pass for this run's.
  void finish(const RunReport& /*run*/) override {
    std::vector<Image> pages;
    if (is_grid() && rows_.size() > 1) pages = grid();
    if (columns_.size() > 1) pages = table();
    for (size_t i = 0; i < pages.size(); ++i) write_png(options_.folder / page_name(i), pages[i]);
    std::error_code error;
    for (size_t i = pages.size(); std::filesystem::remove(options_.folder / page_name(i), error); ++i) {
    }
    if (pages.empty() || static_cast<int64_t>(rows_.size()) == inputs_) return;
    options_.note("the contact sheets show the first " + std::to_string(rows_.size()) + " of " +
                  std::to_string(inputs_) + " inputs");
  }

 private:
  using Column = std::pair<std::string, std::string>;  // a map's name, and what was asked for
  struct Row {
    std::string stem;
    std::string title;  // stem and the model's answer
    std::vector<SheetLine> notes;
    Image input;
    std::vector<std::pair<Column, SheetCell>> cells;
  };

  Row row_of(const SampleReport& sample) const {
    Row row;
    // A name that cannot be drawn is found by its place in the summary.
    row.stem = has_letters(sample.stem) ? sample.stem : "input " + std::to_string(samples_) + ": " + sample.stem;
    row.title = isolated(row.stem);
    if (sample.answer.index >= 0) {
      row.title += ": answer " + isolated(sample.answer.drawn()) + " " + sample.answer.shown();
    }
    for (const SampleTerm& term : sample.terms) row.notes.push_back({term.text(), ""});
    row.input = sample.cell;
    for (const ReportedMap& map : sample.maps) {
      const ExplainedClass& explained = sample.targets[map.target];
      const Column column{map.name, explained.asked};
      if (map.repeated) {
        row.cells.emplace_back(column, SheetCell());  // keeps its place
      } else if (map.cell.defined()) {
        const SheetLine about{explained.about.drawn(), explained.about.shown()};
        row.cells.emplace_back(column, SheetCell(map.cell, {about}));
      }
    }
    return row;
  }

  bool is_grid() const { return columns_.size() == 1; }

  std::vector<Image> table() const {
    std::vector<std::string> headings{"input"};
    for (const auto& [name, asked] : columns_) headings.push_back(asked.empty() ? name : name + " " + asked);
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

  std::vector<Image> grid() const {
    std::vector<SheetCell> cells;
    for (const Row& row : rows_) {
      if (row.cells.empty()) continue;
      SheetCell& cell = cells.emplace_back(row.cells[0].second);
      cell.lines.insert(cell.lines.begin(), {row.stem, ""});
      cell.lines.insert(cell.lines.end(), row.notes.begin(), row.notes.end());
    }
    return contact_grid(cells, {sheet_cell, 8});
  }

  std::vector<Column> columns_;  // in the order of their first appearance
  std::vector<Row> rows_;
  int64_t samples_ = 0;
  int64_t inputs_ = 0;  // that can be drawn
};

}  // namespace

std::unique_ptr<Sink> contact_sheet_files(const ReportOptions& options) {
  return std::make_unique<ContactSheets>(options);
}

}  // namespace attune
