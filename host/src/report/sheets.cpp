// The sink that shows all inputs on few pages.

#include "render/contact_sheet.h"
#include "report/agreement.h"
#include "report/report.h"

namespace attune {
namespace {

constexpr size_t most_rows = 60;
constexpr size_t most_in_grids = 240;
constexpr int64_t sheet_cell = 224;
constexpr int64_t most_columns = 8;  // with more, the maps of an input go on in the next row
constexpr int64_t rows_of_page = 12;
constexpr size_t fewest_in_table = 4;  // maps, of which a table of agreements is drawn

std::string page_name(size_t page) {
  return page == 0 ? "contact_sheet.png" : "contact_sheet-" + std::to_string(page + 1) + ".png";
}

Image agreement_table(const Agreement& agreement, bool of_one) {
  const std::string over = of_one ? "" : ", mean over the inputs";
  return pair_picture(
      {"Agreement of the maps",
       "Pearson's coefficient of each pair at the input's size" + over + ": 1 alike, 0 nothing in common, -1 opposite",
       agreement.names, agreement.values});
}

bool explains_answer(const SampleReport& sample) {
  if (sample.targets.size() != 1) return false;
  const ClassScore& about = sample.targets[0].about;
  return about.index == sample.answer.index && about.measure == sample.answer.measure;
}

// Columns are told apart by their names, as not every input needs to have all of them.
class ContactSheets final : public Sink {
 public:
  using Sink::Sink;

  void add(const SampleReport& sample) override {
    ++samples_;
    if (!sample.cell.defined()) return;
    ++inputs_;
    for (size_t target = 0; target < sample.targets.size(); ++target) agreement_.add(agreement_of(sample, target));
    Row row = row_of(sample);
    for (const Place& place : row.places) {
      if (std::find(columns_.begin(), columns_.end(), place.column) == columns_.end()) columns_.push_back(place.column);
    }
    if (rows_.size() < (is_grid() ? most_in_grids : most_rows)) rows_.push_back(std::move(row));
  }

  // Pages of an earlier run that these do not replace go, as they would pass for this run's.
  void finish(const RunReport& /*run*/) override {
    std::vector<Image> pages;
    if (is_grid() && rows_.size() > 1) pages = grid();
    if (columns_.size() > 1) pages = is_wrapped() ? blocks() : table();
    const Agreement agreement = agreement_.mean();
    if (!pages.empty() && agreement.names.size() >= fewest_in_table) {
      pages.back() = below(pages.back(), agreement_table(agreement, inputs_ == 1));
    }
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
  struct Place {
    Column column;
    SheetCell cell;
    std::string cost;
  };
  struct Row {
    std::string stem;
    std::string title;  // stem and the model's answer
    std::vector<SheetLine> notes;
    Image input;
    std::vector<Place> places;
    bool explains_answer = false;  // and nothing else
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
    row.explains_answer = explains_answer(sample);
    for (const ReportedMap& map : sample.maps) {
      const ExplainedClass& explained = sample.targets[map.target];
      const Column column{map.name, explained.asked};
      if (map.repeated) {
        row.places.push_back({column, {}, ""});  // which stays empty
      } else if (map.cell.defined()) {
        const SheetLine about{explained.about.drawn(), explained.about.shown()};
        row.places.push_back({column, {map.cell, {about}}, map.cost()});
      }
    }
    return row;
  }

  static std::string heading_of(const Column& column) {
    return column.second.empty() ? column.first : column.first + " " + column.second;
  }

  // Behind the input's.
  size_t cell_of(const Place& place) const {
    return static_cast<size_t>(std::find(columns_.begin(), columns_.end(), place.column) - columns_.begin()) + 1;
  }

  // With its name and what it costs; the class is said where it is not that of the title.
  static SheetCell labelled(const Place& place, bool without_class) {
    SheetCell cell = place.cell;
    if (!cell.picture.defined()) return cell;
    cell.centred = true;
    if (without_class) cell.lines.clear();
    cell.lines.insert(cell.lines.begin(), {heading_of(place.column), "", /*bold=*/true});
    if (!place.cost.empty()) cell.lines.push_back({place.cost});
    return cell;
  }

  bool is_wrapped() const { return static_cast<int64_t>(columns_.size()) + 1 > most_columns; }
  bool is_grid() const { return columns_.size() == 1; }

  std::vector<Image> table() const {
    std::vector<std::string> headings{"input"};
    for (const Column& column : columns_) headings.push_back(heading_of(column));
    std::vector<SheetRow> rows;
    for (const Row& row : rows_) {
      SheetRow& shown = rows.emplace_back();
      shown.title = row.title;
      shown.cells.assign(headings.size(), {});
      shown.cells[0] = {row.input, row.notes};
      for (const Place& place : row.places) shown.cells[cell_of(place)] = place.cell;
    }
    return contact_sheets(headings, rows, {sheet_cell, rows_of_page});
  }

  // Each input with its maps in several rows, and under each map its name and what it costs. No block is cut in two.
  std::vector<Image> blocks() const {
    const auto cells = static_cast<int64_t>(columns_.size()) + 1, columns = even_columns(cells, most_columns);
    const int64_t height = (cells + columns - 1) / columns;
    std::vector<SheetRow> rows;
    for (const Row& row : rows_) {
      std::vector<SheetCell> shown(static_cast<size_t>(height * columns));
      shown[0] = {row.input, row.notes};
      shown[0].lines.insert(shown[0].lines.begin(), {"input", "", /*bold=*/true});
      shown[0].centred = true;
      for (const Place& place : row.places) shown[cell_of(place)] = labelled(place, row.explains_answer);
      for (auto first = shown.begin(); first != shown.end(); first += columns) {
        SheetRow& next = rows.emplace_back();
        next.begins = first == shown.begin();
        if (next.begins) next.title = row.title;
        next.cells.assign(first, first + columns);
      }
    }
    return contact_sheets(std::vector<std::string>(static_cast<size_t>(columns)), rows,
                          {sheet_cell, std::max<int64_t>(rows_of_page / height, 1) * height});
  }

  std::vector<Image> grid() const {
    std::vector<SheetCell> cells;
    for (const Row& row : rows_) {
      if (row.places.empty()) continue;
      SheetCell& cell = cells.emplace_back(row.places[0].cell);
      cell.lines.insert(cell.lines.begin(), {row.stem, ""});
      cell.lines.insert(cell.lines.end(), row.notes.begin(), row.notes.end());
    }
    return contact_grid(cells, {sheet_cell, 8});
  }

  std::vector<Column> columns_;  // in the order of their first appearance
  std::vector<Row> rows_;
  MeanAgreement agreement_;
  int64_t samples_ = 0;
  int64_t inputs_ = 0;  // that can be drawn
};

}  // namespace

std::unique_ptr<Sink> contact_sheet_files(const ReportOptions& options) {
  return std::make_unique<ContactSheets>(options);
}

}  // namespace attune
